package delivery

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
)

// FuzzFrames replaces a range of bytes in a sequence of frames: all frames outside the range are
// read unchanged.
func FuzzFrames(f *testing.F) {
	f.Add(uint16(30), uint16(5), []byte("garbage"))
	f.Add(uint16(0), uint16(0), []byte{0, 0, 0, 0})
	f.Add(uint16(8), uint16(1), []byte(nil))
	f.Add(uint16(100), uint16(9000), []byte{})
	f.Fuzz(func(t *testing.T, at, cut uint16, garbage []byte) {
		var intact []byte
		var spans, want [][]byte
		for i := range 8 {
			spans = append(spans, bytes.Repeat([]byte{byte(i)}, 5*i))
		}
		from := int(at) % (8*frameHeader + 5*28)
		to := from + int(cut)
		for _, span := range spans {
			start := len(intact)
			intact = appendFrame(intact, span)
			if len(intact) <= from || start >= to {
				want = append(want, span)
			}
		}
		to = min(to, len(intact))
		b := slices.Concat(intact[:from], garbage, intact[to:])
		size := len(b)
		have, d := readFrames(b)
		for span := range have.All() {
			if len(want) > 0 && bytes.Equal(span, want[0]) {
				want = want[1:]
			}
		}
		if len(want) > 0 {
			t.Errorf("%d intact spans were not read", len(want))
		}
		if have.cost()+d.bytes != size {
			t.Errorf("have %d bytes of frames and %d damaged ones, want %d in total",
				have.cost(), d.bytes, size)
		}
		if d.regions > d.bytes || (d.regions == 0) != (d.bytes == 0) {
			t.Errorf("have %d damaged regions with %d bytes", d.regions, d.bytes)
		}
	})
}

// A span of maxSpanBytes is read; a longer one counts as damage.
func TestFrameSize(t *testing.T) {
	for _, test := range []struct {
		size int
		ok   bool
	}{{0, true}, {maxSpanBytes, true}, {maxSpanBytes + 1, false}} {
		span, ok := readFrame(appendFrame(nil, make([]byte, test.size)), nil)
		if ok != test.ok || ok && len(span) != test.size {
			t.Errorf("%d bytes: have %d bytes, %v, want %v", test.size, len(span), ok, test.ok)
		}
	}
}

// Frames behind damage are found whatever their length is.
func TestFramesBehindDamage(t *testing.T) {
	var intact []byte
	var want []int
	for _, size := range []int{0, 1, 511, 512, 513, 1023, 1024, 1025, 4096, 70000, 1 << 20} {
		intact = appendFrame(intact, bytes.Repeat([]byte{byte(size)}, size))
		want = append(want, size)
	}
	for _, garbage := range [][]byte{{1}, bytes.Repeat([]byte{0xff}, 700)} {
		batch, d := readFrames(slices.Concat(garbage, intact, garbage, intact))
		var have []int
		for span := range batch.All() {
			have = append(have, len(span))
		}
		if !slices.Equal(have, slices.Concat(want, want)) {
			t.Errorf("have spans of %v bytes, want %v twice", have, want)
		}
		if d != (damage{2, 2 * len(garbage)}) {
			t.Errorf("have damage %+v, want two regions of %d bytes", d, len(garbage))
		}
	}
}

// BenchmarkFramesOfPlausibleLengths reads files in which three of four bytes start a header with a
// length that the file has room for. The time for a byte does not depend on the size of the file.
func BenchmarkFramesOfPlausibleLengths(b *testing.B) {
	for _, size := range []int{1 << 16, 1 << 18, 1 << 20} {
		b.Run(fmt.Sprint(size>>10, "KiB"), func(b *testing.B) {
			file := bytes.Repeat([]byte{0, byte(size >> 17), 0, 0}, size/4)
			b.SetBytes(int64(size))
			for b.Loop() {
				if batch, d := readFrames(file); batch.Len() != 0 || d.bytes != size {
					b.Fatalf("have %d spans and damage %+v, want only damage", batch.Len(), d)
				}
			}
		})
	}
}

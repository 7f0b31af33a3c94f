package delivery

import (
	"bytes"
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
		span, ok := readFrame(appendFrame(nil, make([]byte, test.size)))
		if ok != test.ok || ok && len(span) != test.size {
			t.Errorf("%d bytes: have %d bytes, %v, want %v", test.size, len(span), ok, test.ok)
		}
	}
}

package delivery

import (
	"bytes"
	"slices"
	"testing"
)

// FuzzFrames damages a row of frames at one place: those before it and behind it are read as they were.
func FuzzFrames(f *testing.F) {
	f.Add(uint16(30), uint16(5), []byte("garbage"))
	f.Add(uint16(0), uint16(0), []byte{0, 0, 0, 0})
	f.Add(uint16(8), uint16(1), []byte(nil))
	f.Add(uint16(100), uint16(9000), []byte{})
	f.Fuzz(func(t *testing.T, at, cut uint16, garbage []byte) {
		var whole []byte
		var records, want [][]byte
		for i := range 8 {
			records = append(records, bytes.Repeat([]byte{byte(i)}, 5*i))
		}
		from := int(at) % (8*frameHead + 5*28)
		to := from + int(cut)
		for _, r := range records {
			before := len(whole)
			whole = appendFrame(whole, r)
			if len(whole) <= from || before >= to {
				want = append(want, r)
			}
		}
		to = min(to, len(whole))
		have, _ := readFrames(slices.Concat(whole[:from], garbage, whole[to:]))
		for r := range have.All() {
			if len(want) > 0 && bytes.Equal(r, want[0]) {
				want = want[1:]
			}
		}
		if len(want) > 0 {
			t.Errorf("%d undamaged records were not read", len(want))
		}
	})
}

package spancontext_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"bookservice/tracer/internal/spancontext"
)

// Every byte is a digit or none, at every place.
func TestHexDigits(t *testing.T) {
	const lower, upper = "0123456789abcdef", "ABCDEF"
	for b := range 256 {
		c := string([]byte{byte(b)})
		digit := strings.Index(lower, c)
		isLower := digit >= 0
		if i := strings.Index(upper, c); i >= 0 {
			digit = 10 + i
		}
		for at := range 16 {
			s := strings.Repeat("0", at) + c + strings.Repeat("0", 15-at)
			v, ok := spancontext.ParseHex(s)
			if want := uint64(max(digit, 0)) << (60 - 4*at); v != want || ok != (digit >= 0) {
				t.Errorf("ParseHex(%q): have %x, %v, want %x, %v", s, v, ok, want, digit >= 0)
			}
			if have := spancontext.IsLowerHex(s); have != isLower {
				t.Errorf("IsLowerHex(%q): have %v, want %v", s, have, isLower)
			}
		}
	}
	for _, s := range []string{"", strings.Repeat("0", 17)} {
		if v, ok := spancontext.ParseHex(s); ok {
			t.Errorf("ParseHex(%q): have %x, want no number", s, v)
		}
	}
}

// The ids are random, as those of traces are.
func BenchmarkParseHex(b *testing.B) {
	var ids [1024]string
	for i := range ids {
		ids[i] = string(spancontext.AppendHex(nil, rand.Uint64()))
	}
	for i := 0; b.Loop(); i++ {
		if _, ok := spancontext.ParseHex(ids[i%len(ids)]); !ok {
			b.Fatal("have no number")
		}
	}
}

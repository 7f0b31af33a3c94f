package truncate_test

import (
	"strings"
	"testing"
	"unicode/utf8"
	"unsafe"

	"bookservice/tracer/internal/truncate"
)

// TestUTF8 truncates valid and invalid text.
func TestUTF8(t *testing.T) {
	for _, test := range []struct {
		in    string
		limit int
		want  string
	}{
		{"", 0, ""}, {"", 5, ""}, {"abc", 0, ""}, {"abc", 2, "ab"}, {"abc", 3, "abc"},
		{"abc", 4, "abc"},
		{"aé", 3, "aé"}, {"aé", 2, "a"}, {"é", 1, ""}, {"a😀", 5, "a😀"}, {"a😀", 4, "a"},
		{"a😀", 2, "a"}, {"a😀b", 5, "a😀"},
		{"a\xff", 4, "a\uFFFD"}, {"a\xffb", 5, "a\uFFFDb"}, {"a\xffb", 3, "a"},
		{"\xff\xff\xff\xff", 4, "\uFFFD"}, {"\xff", 2, ""}, {"\xff", 1, ""},
		{"\x80\x80\x80", 2, ""}, {"a\xc3", 2, "a"}, {"a\xc3", 4, "a\uFFFD"},
	} {
		if have := truncate.UTF8(test.in, test.limit); have != test.want {
			t.Errorf("%q to %d: have %q, want %q", test.in, test.limit, have, test.want)
		}
	}
}

// TestOnlyTruncatedTextIsCopied checks that valid text within the limit costs no allocation, and
// that truncated text does not share the memory of the whole.
func TestOnlyTruncatedTextIsCopied(t *testing.T) {
	text := strings.Repeat("ä", 100)
	if n := testing.AllocsPerRun(100, func() { _ = truncate.UTF8(text, 200) }); n != 0 {
		t.Errorf("have %v allocations, want none", n)
	}
	whole, cut := unsafe.StringData(text), unsafe.StringData(truncate.UTF8(text, 150))
	if whole == cut {
		t.Error("have the memory of the whole text, want a copy of its beginning")
	}
}

// FuzzUTF8 checks that the result is valid and within the limit, and that valid text is truncated
// by less than one character.
func FuzzUTF8(f *testing.F) {
	f.Add("aé😀\xff", 3)
	f.Add("\x80\x80", 1)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		limit = min(max(limit, 0), 1<<20)
		have := truncate.UTF8(s, limit)
		if !utf8.ValidString(have) || len(have) > limit {
			t.Errorf("%q to %d: have %q", s, limit, have)
		}
		if utf8.ValidString(s) && (!strings.HasPrefix(s, have) ||
			len(have) < min(len(s), limit-utf8.UTFMax+1)) {
			t.Errorf("%q to %d: have %q, want as much as possible", s, limit, have)
		}
	})
}

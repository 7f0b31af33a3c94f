package output

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Line returns text on one line that a terminal shows as it is: every character that [Results] and
// [Log] escape is escaped, and line breaks and tabs too.
func Line(text string) string {
	return escape(text, func(r rune) bool { return unsafe(r) || r == '\n' || r == '\t' })
}

// printable returns p without characters that control a terminal.
func printable(p []byte) []byte {
	for _, b := range p {
		if b < ' ' && b != '\n' && b != '\t' || b >= 0x7f {
			return []byte(escape(string(p), unsafe))
		}
	}
	return p
}

// escape writes the characters that match in the form \u001b, which is also JSON's.
func escape(text string, match func(rune) bool) string {
	var b strings.Builder
	for _, r := range text { // an invalid byte is U+FFFD
		if match(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// unsafe reports whether r is a control character (C0 except line break and tab, DEL, C1), a
// line or paragraph separator, or changes the direction of text (Unicode's Bidi_Control).
func unsafe(r rune) bool {
	switch {
	case r == '\n', r == '\t':
		return false
	case r < utf8.RuneSelf:
		return unicode.IsControl(r)
	}
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' ||
		r == '\u2029'
}

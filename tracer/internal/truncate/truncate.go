// Package truncate truncates text without damaging it.
package truncate

import (
	"strings"
	"unicode/utf8"
)

// UTF8 returns the beginning of s as valid UTF-8, which protobuf requires, of at most maxBytes. If
// it truncates s, the result does not keep the memory of s in use.
func UTF8(s string, maxBytes int) string {
	s = whole(s, maxBytes)
	if utf8.ValidString(s) {
		return s
	}
	return whole(strings.ToValidUTF8(s, "\uFFFD"), maxBytes) // the replacement may be longer
}

// whole returns the beginning of s without a partial character at its end.
func whole(s string, maxBytes int) string {
	if len(s) <= maxBytes {
		return s
	}
	for maxBytes > 0 && !utf8.RuneStart(s[maxBytes]) {
		maxBytes--
	}
	return strings.Clone(s[:maxBytes])
}

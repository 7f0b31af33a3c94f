// Package rfc9110 checks the parts of HTTP fields (RFC 9110, section 5).
package rfc9110

import "strings"

// IsToken reports whether s is a token, which a field name must be.
func IsToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0:
		default:
			return false
		}
	}
	return s != ""
}

// IsFieldValue reports whether s has no control characters except tabs.
func IsFieldValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

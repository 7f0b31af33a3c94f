package rfc9110_test

import (
	"strings"
	"testing"

	"bookservice/tracer/internal/rfc9110"
)

// tchar are the characters of a token (RFC 9110, section 5.6.2).
const tchar = "!#$%&'*+-.^_`|~0123456789" +
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// TestIsToken checks every byte, alone and within a token.
func TestIsToken(t *testing.T) {
	for c := range 256 {
		b := string([]byte{byte(c)})
		want := strings.Contains(tchar, b) && c < 128
		for _, s := range []string{b, "a" + b, b + "a", "a" + b + "a"} {
			if have := rfc9110.IsToken(s); have != want {
				t.Errorf("%q: have %v, want %v", s, have, want)
			}
		}
	}
	if rfc9110.IsToken("") {
		t.Error("have an empty token accepted")
	}
}

// TestIsFieldValue checks every byte. Control characters except tabs are rejected.
func TestIsFieldValue(t *testing.T) {
	for c := range 256 {
		want := c == '\t' || c >= ' ' && c != 0x7f
		for _, s := range []string{
			string([]byte{byte(c)}), string([]byte{'a', byte(c), 'b'}),
		} {
			if have := rfc9110.IsFieldValue(s); have != want {
				t.Errorf("%q: have %v, want %v", s, have, want)
			}
		}
	}
	if !rfc9110.IsFieldValue("") {
		t.Error("have an empty value rejected")
	}
}

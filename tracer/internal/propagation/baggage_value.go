package propagation

import (
	"strings"

	"bookservice/tracer/internal/spancontext"
)

func validUTF8(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// appendMember appends a comma, if b is not empty, and the item. It reports false if the result is
// longer than limit; b then has its old length. The plus sign is encoded, because some readers
// decode it to a space, unless only the plain sign fits.
func appendMember(b []byte, key, value string, limit int) (with []byte, ok bool) {
	before := len(b)
	for _, plain := range []string{"", "+"} {
		if before > 0 {
			b = append(b, ',')
		}
		b = append(append(b, key...), '=')
		if len(b)+len(value) <= limit {
			b = appendEncoded(b, value, plain, limit)
			if len(b) <= limit {
				return b, true
			}
		}
		b = b[:before]
	}
	return b, false
}

const upperHexDigits = "0123456789ABCDEF"

// appendEncoded appends a value with percent-encoding where W3C Baggage requires it, and for the
// plus sign unless it is in plain. It stops as soon as b is longer than limit.
func appendEncoded(b []byte, value, plain string, limit int) []byte {
	for i := 0; i < len(value) && len(b) <= limit; i++ {
		c := value[i]
		switch {
		case c == '+' && plain == "", c == '%', !isBaggageOctet(c):
			b = append(b, '%', upperHexDigits[c>>4], upperHexDigits[c&0xf])
		default:
			b = append(b, c)
		}
	}
	return b
}

// decodeValue decodes percent-encoding. A percent sign that begins no encoding stands for itself,
// and bytes that are not UTF-8 are replaced, as W3C Baggage demands.
func decodeValue(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if v, ok := spancontext.ParseHex(s[i+1 : i+3]); ok {
				b = append(b, byte(v))
				i += 2
				continue
			}
		}
		b = append(b, s[i])
	}
	return validUTF8(string(b))
}

func isBaggageValue(s string) bool {
	for i := range len(s) {
		if !isBaggageOctet(s[i]) {
			return false
		}
	}
	return true
}

// isBaggageOctet reports whether W3C Baggage allows c in a value without encoding.
func isBaggageOctet(c byte) bool {
	return '!' <= c && c <= '~' && c != '"' && c != ',' && c != ';' && c != '\\'
}

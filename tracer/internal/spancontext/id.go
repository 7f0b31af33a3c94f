package spancontext

import "math/rand/v2"

// HexDigits are the digits that [AppendHex] writes.
const HexDigits = "0123456789abcdef"

// NewID returns a random id that is not zero: zero means "no id" in every format.
func NewID() uint64 {
	for {
		if id := rand.Uint64(); id != 0 {
			return id
		}
	}
}

// AppendHex appends v as 16 lower-case hexadecimal digits.
func AppendHex(b []byte, v uint64) []byte {
	for shift := 60; shift >= 0; shift -= 4 {
		b = append(b, HexDigits[v>>shift&0xf])
	}
	return b
}

// ParseHex reads 1 to 16 hexadecimal digits of either case. Unlike [strconv.ParseUint] it rejects
// signs and underscores.
func ParseHex(s string) (v uint64, ok bool) {
	if s == "" || len(s) > 16 {
		return 0, false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		v = v<<4 | uint64(c)
	}
	return v, true
}

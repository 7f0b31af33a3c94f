package spancontext

import (
	"math/bits"
	"math/rand/v2"
)

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

// newMarkedID returns a random span id that carries the mark of this package: its lowest byte is a
// checksum of its other bytes and of the trace id. 56 bits are random, which is enough within one
// trace.
//
// The mark states that a tracer of this package made the id and sends it in several formats alike.
// If a proxy replaces the id in one format, the mark tells which format the proxy has left as it
// was. A tracestate member would tell the same, at the price of one more header in every call.
func newMarkedID(traceLo uint64) uint64 {
	for {
		id := rand.Uint64() &^ 0xff
		if id |= uint64(checksum(traceLo, id)); id != 0 {
			return id
		}
	}
}

// isMarked reports whether id carries the mark. It is also true for one in 256 other ids.
func isMarked(traceLo, id uint64) bool { return byte(id) == checksum(traceLo, id) }

// checksum disregards the lowest byte of id.
func checksum(traceLo, id uint64) byte {
	const odd = 0x9e3779b97f4a7c15 // 2^64 divided by the golden ratio
	return byte(((bits.RotateLeft64(traceLo, 32) ^ id>>8) * odd) >> 56)
}

// AppendHex appends v as 16 lower-case hexadecimal digits.
func AppendHex(b []byte, v uint64) []byte {
	for shift := 60; shift >= 0; shift -= 4 {
		b = append(b, HexDigits[v>>shift&0xf])
	}
	return b
}

// ParseHex reads 1 to 16 hexadecimal digits of either case. Unlike [strconv.ParseUint] it rejects
// signs and underscores. It has no branch that depends on a digit: of random ids, a processor would
// predict every third one wrongly.
func ParseHex(s string) (v uint64, ok bool) {
	if s == "" || len(s) > 16 {
		return 0, false
	}
	wrong := 0
	for i := range len(s) {
		c := s[i]
		wrong |= (9 - int(c-'0')) & (5 - int(c|0x20-'a')) // negative if c is no digit
		v = v<<4 | uint64(c&0xf+c>>6*9)
	}
	if wrong < 0 {
		return 0, false
	}
	return v, true
}

// IsLowerHex reports whether s consists of decimal digits and the letters a to f. Compare
// [ParseHex].
func IsLowerHex(s string) bool {
	wrong := 0
	for i := range len(s) {
		c := s[i]
		wrong |= (9 - int(c-'0')) & (5 - int(c-'a'))
	}
	return wrong >= 0
}

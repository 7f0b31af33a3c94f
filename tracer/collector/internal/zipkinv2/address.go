package zipkinv2

import (
	"net/netip"
	"strconv"
	"strings"
)

// SetAddress sets the address that the text states. It ignores a text that is not an address.
func (e *Endpoint) SetAddress(text string) {
	hasDot, hasColon := strings.Contains(text, "."), strings.Contains(text, ":")
	switch {
	case hasDot && hasColon:
		e.setEmbedded(text)
	case hasDot && isIPv4(text):
		e.IPv4 = text
	case hasColon:
		if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
			e.IPv6 = formatIPv6(a.As16())
		}
	}
}

// isIPv4 reports whether the text is four numbers. Unlike in package netip, they may begin with
// zeros.
func isIPv4(text string) bool {
	words := strings.Split(text, ".")
	for _, w := range words {
		v, err := strconv.ParseUint(w, 10, 8)
		if err != nil || v > 255 || len(w) > 3 {
			return false
		}
	}
	return len(words) == 4
}

// setEmbedded reads an IPv4 address in the form ::1.2.3.4 or ::ffff:1.2.3.4.
func (e *Endpoint) setEmbedded(text string) {
	colon := strings.LastIndexByte(text, ':')
	prefix, v4 := text[:colon+1], text[colon+1:]
	if !isIPv4(v4) {
		return
	}
	if prefix == "::" || len(prefix) == 7 && strings.HasPrefix(prefix, "::") &&
		strings.Trim(prefix[2:6], "0fF") == "" {
		e.IPv4 = v4
	}
}

// SetBytes sets the address of 4 or 16 bytes. It ignores other lengths.
func (e *Endpoint) SetBytes(b []byte) {
	a, ok := netip.AddrFromSlice(b)
	switch {
	case !ok:
	case a.Is4():
		e.IPv4 = a.String()
	default:
		wide := a.As16()
		v4 := [4]byte(wide[12:])
		if [12]byte(wide[:12]) == [12]byte{} && v4 != [4]byte{0, 0, 0, 1} {
			e.IPv4 = netip.AddrFrom4(v4).String()
			return
		}
		e.IPv6 = formatIPv6(wide)
	}
}

// formatIPv6 writes an address as Zipkin does. It differs from RFC 5952: a run of zeros at the end
// is shortened only if no other run is, and one group of zeros is shortened too.
func formatIPv6(ip [16]byte) string {
	group := func(i int) uint16 { return uint16(ip[2*i])<<8 | uint16(ip[2*i+1]) }
	runAt, runLen, zeroAt := -1, -1, -1
	zeros := true
	for i := range 8 {
		if group(i) == 0 {
			if zeroAt < 0 {
				zeroAt = i
			}
			continue
		}
		zeros = false
		if zeroAt >= 0 {
			if i-zeroAt > runLen {
				runAt, runLen = zeroAt, i-zeroAt
			}
			zeroAt = -1
		}
	}
	if zeros {
		return "::"
	}
	if runAt < 0 && zeroAt >= 0 {
		runAt, runLen = zeroAt, 8-zeroAt
	}
	var b []byte
	for i := 0; i < 8; {
		if i == runAt {
			b = append(b, ':')
			i += runLen
			if i == 8 {
				b = append(b, ':')
			}
			continue
		}
		if i != 0 {
			b = append(b, ':')
		}
		b = appendHexGroup(b, group(i))
		i++
	}
	return string(b)
}

func appendHexGroup(b []byte, v uint16) []byte {
	for shift := 12; shift > 0; shift -= 4 {
		if v>>shift != 0 {
			b = append(b, hexDigits[v>>shift&0xf])
		}
	}
	return append(b, hexDigits[v&0xf])
}

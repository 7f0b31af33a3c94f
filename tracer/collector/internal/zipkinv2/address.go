package zipkinv2

import (
	"net/netip"
	"strings"
)

// SetAddress sets the address that the text states. It ignores a text that is not an address.
func (e *Endpoint) SetAddress(text string) {
	if strings.Contains(text, ".") && strings.Contains(text, ":") {
		e.setEmbedded(text)
		return
	}
	a, err := netip.ParseAddr(text)
	switch {
	case err != nil || a.Zone() != "":
	case a.Is4():
		e.IPv4 = text
	default:
		e.IPv6 = formatIPv6(a.As16())
	}
}

// setEmbedded reads an IPv4 address in the form ::1.2.3.4 or ::ffff:1.2.3.4.
func (e *Endpoint) setEmbedded(text string) {
	colon := strings.LastIndexByte(text, ':')
	prefix, v4 := text[:colon+1], text[colon+1:]
	a, err := netip.ParseAddr(v4)
	if err != nil || !a.Is4() {
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

package recording

import (
	"cmp"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// A peer is what is known of the other side of a call.
type peer struct {
	service string
	ip      netip.Addr
	port    uint16
}

// or returns the peer with what it lacks from other.
func (p peer) or(other peer) peer {
	if !p.ip.IsValid() {
		p.ip = other.ip
	}
	p.service, p.port = cmp.Or(p.service, other.service), cmp.Or(p.port, other.port)
	return p
}

// asPeer reads an address: an IP address or the name of a host, with or without a port. It may be a
// [net.Addr], an IPv6 address in brackets, or a URL. whole reports whether the value is an IP
// address and says nothing else.
func asPeer(value any) (p peer, whole bool) {
	switch v := value.(type) {
	case *net.TCPAddr:
		if v != nil {
			return addrPortPeer(v.AddrPort()), v.IP != nil
		}
	case *net.UDPAddr:
		if v != nil {
			return addrPortPeer(v.AddrPort()), v.IP != nil
		}
	}
	if isNil(value) {
		return p, false
	}
	if _, isText := value.(string); !isText {
		if ip, ok := asIP(value); ok {
			return peer{ip: ip}, true
		}
	}
	s := text(value)
	address := authority(s)
	p, _ = parsePeer(address)
	return p, p.ip.IsValid() && s == address
}

func addrPortPeer(addr netip.AddrPort) peer {
	return peer{ip: addr.Addr().Unmap(), port: addr.Port()}
}

// parsePeer reads an address or the name of a host, with or without a port. It avoids errors of the
// parsers, which allocate them.
func parsePeer(s string) (p peer, host string) {
	if !strings.Contains(s, ":") {
		if n := len(s); n > 0 && '0' <= s[n-1] && s[n-1] <= '9' {
			if ip, ok := parseIP(s); ok {
				return peer{ip: ip}, ""
			}
		}
		return p, s
	}
	if addr, err := netip.ParseAddrPort(s); err == nil {
		return addrPortPeer(addr), ""
	}
	if ip, ok := parseIP(s); ok {
		return peer{ip: ip}, ""
	}
	if host, port, err := net.SplitHostPort(s); err == nil && !strings.Contains(s, "/") {
		n, _ := strconv.ParseUint(port, 10, 16) // zero if it is the name of a port
		return peer{port: uint16(n)}, host
	}
	return p, s
}

// authority returns the host and port of a URL, or any other text as it is. A target of gRPC has
// them after three slashes.
func authority(s string) string {
	scheme, rest, isURL := strings.Cut(s, "://")
	if !isURL || strings.HasPrefix(scheme, "unix") {
		return s
	}
	rest = strings.TrimPrefix(rest, "/")
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		rest = rest[:end]
	}
	return rest[strings.LastIndexByte(rest, '@')+1:]
}

// asIP reads an address from text, from a [net.IP], or from the number that package ext makes of an
// IPv4 address.
func asIP(value any) (netip.Addr, bool) {
	switch v := indirect(value).(type) {
	case nil:
		return netip.Addr{}, false
	case uint32:
		return netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}), true
	case net.IP:
		ip, ok := netip.AddrFromSlice(v)
		return ip.Unmap(), ok
	}
	return parseIP(text(value))
}

// parseIP reads an IP address, which may be in brackets.
func parseIP(s string) (netip.Addr, bool) {
	if inner, ok := strings.CutPrefix(s, "["); ok && strings.HasSuffix(s, "]") {
		s = inner[:len(inner)-1]
	}
	ip, err := netip.ParseAddr(s)
	return ip.Unmap(), err == nil
}

package discovery

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
	"unicode"
)

// A rule returns what an address must be, in the form "must be …", or "" if the address complies.
type rule func(address string) (must string)

// endpointRule is the rule for addresses of etcd.
func endpointRule(endpoint string) string {
	const forms = "must be host:port, http://host:port or https://host:port, "
	switch {
	case isHostPort(withoutScheme(endpoint)):
		return ""
	case mayBeSecret(endpoint):
		return forms + "without user, password and query"
	default:
		return forms + "with a port of 1 to 65535"
	}
}

// instanceRule is the rule for addresses of instances.
func instanceRule(address string) string {
	switch {
	case isHostPort(address):
		return ""
	case strings.Contains(address, "://"):
		return "must be host:port without a scheme"
	default:
		return "must be host:port with a port of 1 to 65535"
	}
}

func isHostPort(address string) bool {
	host, port, err := net.SplitHostPort(address)
	return err == nil && isHost(host) && isPort(port)
}

// isHost reports whether host is a name, an IPv4 address, or an IPv6 address with or without a
// zone.
func isHost(host string) bool {
	if addr, err := netip.ParseAddr(host); err == nil && addr.Is6() {
		return addr.Zone() == "" || isName(addr.Zone())
	}
	return isName(host)
}

// isName reports whether s has only characters that are allowed in host names, and underscores. It
// excludes all characters that delimit the parts of a URL.
func isName(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(".-_", r)
	}) < 0
}

func isPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}

// withoutScheme returns endpoint without http:// or https://.
func withoutScheme(endpoint string) string {
	for _, scheme := range []string{"http://", "https://"} {
		if address, ok := strings.CutPrefix(endpoint, scheme); ok {
			return address
		}
	}
	return endpoint
}

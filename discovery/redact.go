package discovery

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// masked replaces text that may be secret.
const masked = "xxxxx"

var (
	// noPassword matches an address that has no place for a password: each colon is followed by at
	// most five digits, and then at most by a path.
	noPassword = regexp.MustCompile(
		`^([a-z]+://)?(\[[0-9a-fA-F:.]*\]|[^:]*)(:[+-]?[0-9]{0,5}(/[^:]*)?)*$`)

	// schemeAndHost matches the beginning of an address up to its first colon, apart from "://".
	schemeAndHost = regexp.MustCompile(`^([a-z]+://)?[^:]*:`)
)

// redact returns addresses for output, without user names, passwords and queries. Addresses that
// comply with the rule contain none of these. The others are masked:
//
//   - If one of them has a character that delimits or encodes a user name or a query, all addresses
//     are masked. The ones next to it may be parts of a password that contains a comma.
//   - Otherwise, if the text after a colon is not a port, it is masked, and so are all following
//     addresses. They may be a password whose host is missing.
func redact(addresses []string, r rule) []string {
	invalid := func(address string) bool { return r(address) != "" }
	mask := slices.ContainsFunc(addresses, func(address string) bool {
		return invalid(address) && mayBeSecret(address)
	})
	redacted := make([]string, len(addresses))
	for i, address := range addresses {
		switch {
		case mask:
			redacted[i] = masked
		case invalid(address) && !noPassword.MatchString(address):
			redacted[i] = schemeAndHost.FindString(address) + masked
			mask = true
		default:
			redacted[i] = address
		}
	}
	return redacted
}

// quote returns text that is not an address as it is written in errors. It masks a text that looks
// like a URL with a user or a query: it may be meant for another setting.
func quote(text string) string {
	if mayBeSecret(text) {
		text = masked
	}
	return strconv.Quote(text)
}

// mayBeSecret reports whether a text has a character that delimits or encodes a user name or a
// query.
func mayBeSecret(text string) bool { return strings.ContainsAny(text, "@?#%&=") }

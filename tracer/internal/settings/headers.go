package settings

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"bookservice/tracer/internal/rfc9110"
)

// ParseHeaders reads a comma-separated list of name=value pairs with percent-encoded values. Names
// and values must be valid in HTTP. If a pair is invalid, must states what the list must be. It
// does not show the pair, which is often secret.
func ParseHeaders(list string) (headers map[string]string, must string) {
	headers = map[string]string{}
	for i, pair := range SplitList(list) {
		name, value, found := strings.Cut(pair, "=")
		name = strings.TrimSpace(name)
		decoded, err := url.PathUnescape(strings.TrimSpace(value))
		switch {
		case !found || name == "" || err != nil:
			return nil, fmt.Sprintf(
				"must be name=value pairs with percent-encoded values; pair %d is not", i+1)
		case !rfc9110.IsToken(name) || !rfc9110.IsFieldValue(decoded):
			return nil, fmt.Sprintf(
				"must have names and values that HTTP allows; pair %d has not", i+1)
		case ofConnection(name):
			return nil, fmt.Sprintf(
				"must have no header that belongs to the connection; pair %d has", i+1)
		}
		headers[name] = decoded
	}
	return headers, ""
}

// ofConnection reports whether the HTTP client sets the header itself. Some servers reject a
// request with one of these; in HTTP/2 they are forbidden (RFC 9113, section 8.2.2).
func ofConnection(name string) bool {
	return slices.Contains([]string{
		"connection", "content-length", "host", "keep-alive", "proxy-connection", "te", "trailer",
		"transfer-encoding", "upgrade",
	}, strings.ToLower(name))
}

package tracer

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// webURL parses the http or https URL of a setting. The error shows it without its password.
func webURL(setting, value, example string) (*url.URL, error) {
	u, err := url.Parse(value)
	if err != nil || u.Hostname() == "" || (u.Scheme != "http" && u.Scheme != "https") || !validPort(u.Port()) {
		return nil, fmt.Errorf("%s %q: must be like %s", setting, withoutPassword(value), example)
	}
	return u, nil
}

// validPort reports whether a URL's port, which may be left out, can be connected to.
func validPort(port string) bool {
	n, err := strconv.Atoi(port)
	return port == "" || err == nil && 1 <= n && n <= 65535
}

// withoutPassword returns an address that may be shown, whatever it looks like.
func withoutPassword(address string) string {
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return address
	}
	if u, err := url.Parse(address); err == nil && u.User != nil {
		return u.Redacted()
	}
	return "…" + address[at+1:]
}

// parseHeaders reads key=value pairs. The error does not show them: they often are secret.
func parseHeaders(setting, list string) (map[string]string, error) {
	headers := map[string]string{}
	for i, pair := range splitList(list) {
		key, value, found := strings.Cut(pair, "=")
		decoded, err := url.PathUnescape(strings.TrimSpace(value))
		if key = strings.TrimSpace(key); !found || key == "" || err != nil {
			return nil, fmt.Errorf("%s: pair %d: must be key=value with a percent-encoded value", setting, i+1)
		}
		headers[key] = decoded
	}
	return headers, nil
}

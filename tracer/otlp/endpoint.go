package otlp

import (
	"cmp"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"unicode"

	"google.golang.org/grpc/resolver"

	"bookservice/tracer/internal/settings"
)

// Default ports for gRPC. For plain text it is OTLP's own, for TLS that of https, as in
// OpenTelemetry's SDKs.
const (
	plainPort = "4317"
	tlsPort   = "443"
)

// tracesPath is the default path for spans (OTLP/HTTP).
const tracesPath = "/v1/traces"

// A target is what a gRPC client connects to.
type target struct {
	name   string // in gRPC's notation (grpc/doc/naming.md)
	secure bool   // over TLS
	host   bool   // the name is passthrough:///host:port, and a proxy of the environment applies
}

var errEndpoint = errors.New("not an endpoint")

// parseTarget parses an endpoint for gRPC: an http or https URL; a name in gRPC's notation with a
// scheme that this program knows; host:port; or host. Except for URLs and Unix sockets, insecure
// decides whether the connection is in plain text.
func parseTarget(text string, insecure bool) (target, error) {
	u, err := url.Parse(text)
	if err != nil || resolver.Get(u.Scheme) == nil && u.Scheme != "http" && u.Scheme != "https" {
		return hostTarget(text, !insecure) // the scheme is a host
	}
	endpoint := strings.TrimPrefix(cmp.Or(u.Path, u.Opaque), "/")
	switch u.Scheme {
	case "http", "https":
		if _, err := settings.ParseURL(text); err != nil {
			return target{}, err
		}
		return hostTarget(u.Host, u.Scheme == "https")
	case "unix", "unix-abstract":
		if u.Host != "" || endpoint == "" {
			return target{}, errEndpoint
		}
		return target{name: text}, nil
	case "dns":
		to, err := hostTarget(endpoint, !insecure)
		if err == nil && u.Host != "" { // a name server
			to.name = "dns://" + u.Host + "/" + strings.TrimPrefix(to.name, passthrough)
			to.host = false
		}
		return to, err
	}
	if endpoint == "" {
		return target{}, errEndpoint
	}
	return target{name: text, secure: !insecure}, nil
}

// passthrough precedes host:port in the name of a target that the dialer resolves. gRPC's own
// resolver would hide the host from the proxy.
const passthrough = "passthrough:///"

// hostTarget returns the target for host:port or host.
func hostTarget(text string, secure bool) (target, error) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		host, port = strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"), plainPort
		if secure {
			port = tlsPort
		}
	}
	if !isHost(host) || !settings.ValidPort(port) {
		return target{}, errEndpoint
	}
	name := passthrough + url.PathEscape(net.JoinHostPort(host, port))
	return target{name: name, secure: secure, host: true}, nil
}

// isHost reports whether the text is an IP address or may be a host's name.
func isHost(text string) bool {
	if _, err := netip.ParseAddr(text); err == nil {
		return true
	}
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(".-_", r)
	})
}

// target returns what to connect to over gRPC. The settings are valid.
func (c *Config) target() target {
	to, _ := parseTarget(c.grpcAddress(), c.insecure())
	return to
}

// grpcAddress returns the endpoint for gRPC, or the default.
func (c *Config) grpcAddress() string {
	return cmp.Or(c.endpoint().text, "http://127.0.0.1:"+plainPort)
}

// url returns the URL to post to over HTTP, with OpenTelemetry's rules for the path. The settings
// are valid.
func (c *Config) url() *url.URL {
	e := c.endpoint()
	u, err := url.Parse(cmp.Or(e.text, "http://127.0.0.1:4318"))
	if err != nil {
		return &url.URL{}
	}
	switch e.name.Variable {
	case variablePrefix + "TRACES_ENDPOINT": // used as it is
		u.Path = cmp.Or(u.Path, "/")
	case variablePrefix + "ENDPOINT": // a base for all signals
		u = u.JoinPath(tracesPath)
	default:
		if u.Path == "" || u.Path == "/" {
			u.Path = tracesPath
		}
	}
	return u
}

// checkEndpoint checks the endpoint for the protocol.
func (c *Config) checkEndpoint(v value) error {
	shown := settings.RedactURL(v.text)
	if u, err := url.Parse(v.text); err == nil && u.User != nil {
		return v.name.Invalid(shown, "must have no user: set headers for credentials")
	}
	if c.protocol().text == HTTP {
		if _, err := settings.ParseURL(v.text); err != nil {
			return v.name.Invalid(shown, "must be like http://127.0.0.1:4318")
		}
		return nil
	}
	if _, err := parseTarget(v.text, c.insecure()); err != nil {
		return v.name.Invalid(shown,
			"must be like http://127.0.0.1:4317, collector:4317 or unix:///run/otlp.sock")
	}
	return nil
}

package tracer

import (
	"flag"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// Protocols that the otlp backend speaks, as OTEL_EXPORTER_OTLP_PROTOCOL names them.
const (
	OTLPGRPC = "grpc"
	OTLPHTTP = "http/protobuf"
)

// OTLPConfig is what only the otlp backend needs. What it leaves empty is what OpenTelemetry's variables say
// (OTEL_EXPORTER_OTLP_ENDPOINT, _PROTOCOL, _HEADERS, _CERTIFICATE, _CLIENT_CERTIFICATE, _CLIENT_KEY, _COMPRESSION,
// _TIMEOUT, each also with TRACES_ before its last word), and without them OpenTelemetry's defaults: an unencrypted
// collector on this machine, at port 4317 for gRPC and 4318 for HTTP. A variable whose value makes no sense is an error, as a
// setting of ours is.
type OTLPConfig struct {
	// Endpoint is the collector's URL, http:// for plain text or https:// for TLS. For HTTP its path is where spans are
	// posted, /v1/traces when it has none.
	Endpoint string
	// Protocol is OTLPGRPC, OTLPHTTP or empty: what OTEL_EXPORTER_OTLP_(TRACES_)PROTOCOL says, else gRPC.
	Protocol string
	// Headers are sent with each request: key=value pairs separated by commas, the values percent-encoded. They often hold
	// credentials, and are never logged.
	Headers string
}

func (o *OTLPConfig) registerFlags(fs *flag.FlagSet) {
	fs.StringVar(&o.Endpoint, "otlp-endpoint", o.Endpoint,
		"URL of an OTLP collector; empty for what OTEL_EXPORTER_OTLP_ENDPOINT says, else http://127.0.0.1:4317 (4318 for HTTP)")
	fs.StringVar(&o.Protocol, "otlp-protocol", o.Protocol,
		"grpc or http/protobuf; empty for what OTEL_EXPORTER_OTLP_PROTOCOL says, else grpc")
	fs.StringVar(&o.Headers, "otlp-headers", o.Headers, "headers for the OTLP collector: key=value pairs with commas")
}

// checkOTLP looks at OpenTelemetry's variables too where they are in force: its clients pass over what makes no sense, and
// spans would go nowhere.
func checkOTLP(c Config) error {
	if _, err := c.OTLP.protocol(); err != nil {
		return err
	}
	if err := checkOTLPEndpoint(orVariable("otlp-endpoint", c.OTLP.Endpoint, "ENDPOINT")); err != nil {
		return err
	}
	if _, err := parseHeaders(orVariable("otlp-headers", c.OTLP.Headers, "HEADERS")); err != nil {
		return err
	}
	if variable, value := otlpVariable("COMPRESSION"); value != "" && value != "gzip" && value != "none" {
		return fmt.Errorf("%s %q: must be gzip or none", variable, value)
	}
	if variable, value := otlpVariable("TIMEOUT"); value != "" {
		if ms, err := strconv.Atoi(value); err != nil || ms < 1 {
			return fmt.Errorf("%s %q: must be a whole number of milliseconds, 1 or more", variable, value)
		}
	}
	return nil
}

func checkOTLPEndpoint(setting, value string) error {
	if value == "" {
		return nil
	}
	u, err := webURL(setting, value, "http://127.0.0.1:4317")
	if err != nil {
		return err
	}
	if u.User != nil { // OpenTelemetry's client would leave it out
		return fmt.Errorf("%s %q: must have no user: credentials are headers here", setting, u.Redacted())
	}
	return nil
}

// orVariable returns a setting of ours and its value, or OpenTelemetry's variable where it is empty.
func orVariable(setting, value, variable string) (string, string) {
	if value != "" {
		return setting, value
	}
	return otlpVariable(variable)
}

// otlpVariable returns the more special of OpenTelemetry's two variables for a setting, if it is set, else the other.
func otlpVariable(name string) (variable, value string) {
	for _, variable = range []string{"OTEL_EXPORTER_OTLP_TRACES_" + name, "OTEL_EXPORTER_OTLP_" + name} {
		if value = strings.TrimSpace(os.Getenv(variable)); value != "" {
			return variable, value
		}
	}
	return variable, ""
}

// otlpTimeout returns how long one request may take: so many milliseconds as OpenTelemetry's variable says, else 10 s, which
// is its default as well.
func otlpTimeout() time.Duration {
	_, value := otlpVariable("TIMEOUT")
	if ms, err := strconv.Atoi(value); err == nil && ms > 0 {
		return time.Duration(ms) * time.Millisecond
	}
	return postTimeout
}

// protocol returns the protocol in force.
func (o OTLPConfig) protocol() (string, error) {
	from, value := orVariable("otlp-protocol", o.Protocol, "PROTOCOL")
	switch value {
	case "":
		return OTLPGRPC, nil
	case OTLPGRPC, OTLPHTTP:
		return value, nil
	}
	return "", fmt.Errorf("%s %q: must be %s or %s", from, value, OTLPGRPC, OTLPHTTP)
}

// endpoint returns the URL in force, or nothing to leave it to OpenTelemetry's variables.
func (o OTLPConfig) endpoint(protocol string) string {
	if o.Endpoint == "" {
		if _, value := otlpVariable("ENDPOINT"); value != "" {
			return ""
		}
		if protocol == OTLPGRPC {
			return "http://127.0.0.1:4317"
		}
		return "http://127.0.0.1:4318/v1/traces"
	}
	if u, err := url.Parse(o.Endpoint); err == nil && protocol == OTLPHTTP && (u.Path == "" || u.Path == "/") {
		u.Path = "/v1/traces"
		return u.String()
	}
	return o.Endpoint
}

// headers returns the headers, none to leave them to OpenTelemetry's variables.
func (o OTLPConfig) headers() (map[string]string, error) {
	return parseHeaders("otlp-headers", o.Headers)
}

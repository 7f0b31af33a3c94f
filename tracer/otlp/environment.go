package otlp

import (
	"strconv"
	"strings"
	"time"

	"bookservice/tracer/internal/settings"
)

// variablePrefix precedes the names of OpenTelemetry's variables for OTLP.
const variablePrefix = "OTEL_EXPORTER_OTLP_"

// defaultTimeout is the default limit of one attempt to deliver a batch. Attempts begin with the 10
// s that are OpenTelemetry's default.
const defaultTimeout = time.Minute

// maxTimeout is the longest limit that the variable sets: a longer one is as good as none.
const maxTimeout = 24 * time.Hour

// environment holds the variables that were set.
type environment struct {
	endpoint, protocol, headers value
	ca, cert, key               value
	compression, timeout        value
	insecure                    value
}

// A value is the value of a flag or of a variable.
type value struct {
	name settings.Name
	text string
}

// ReadEnvironment reads OpenTelemetry's variables: OTEL_EXPORTER_OTLP_ENDPOINT, _PROTOCOL,
// _INSECURE, _HEADERS, _CERTIFICATE, _CLIENT_CERTIFICATE, _CLIENT_KEY, _COMPRESSION and _TIMEOUT
// (in ms), each also as OTEL_EXPORTER_OTLP_TRACES_…, which takes precedence. A field of c that is
// set overrides its variable. The files are read again when they change.
// [tracer.Config.ReadEnvironment] calls it for the option [Backend]. An invalid value is an error
// of Validate if the backend is selected.
func (c *Config) ReadEnvironment(lookup func(name string) (value string, set bool)) error {
	read := func(name string) value {
		for _, prefix := range []string{variablePrefix + "TRACES_", variablePrefix} {
			variable := prefix + name
			if text, _ := lookup(variable); strings.TrimSpace(text) != "" {
				return value{settings.Name{Variable: variable}, strings.TrimSpace(text)}
			}
		}
		return value{}
	}
	c.environment = environment{
		endpoint:    read("ENDPOINT"),
		protocol:    read("PROTOCOL"),
		headers:     read("HEADERS"),
		ca:          read("CERTIFICATE"),
		cert:        read("CLIENT_CERTIFICATE"),
		key:         read("CLIENT_KEY"),
		compression: read("COMPRESSION"),
		timeout:     read("TIMEOUT"),
		insecure:    read("INSECURE"),
	}
	return nil
}

func checkProtocol(v value) error {
	if v.text != GRPC && v.text != HTTP {
		return v.name.Invalid(v.text, "must be grpc or http/protobuf")
	}
	return nil
}

// checkHeaders checks the headers for the protocol: gRPC allows less than HTTP, and sets some
// itself (gRPC over HTTP/2: custom metadata).
func (c *Config) checkHeaders(v value) error {
	headers, must := settings.ParseHeaders(v.text)
	if must != "" {
		return v.name.InvalidSecret(must)
	}
	if c.protocol().text == HTTP {
		return nil
	}
	for name, value := range headers {
		if !isMetadata(strings.ToLower(name), value) {
			return v.name.InvalidSecret(
				"must have names of letters, digits and -_. that are not gRPC's own, " +
					"and values of printable ASCII characters")
		}
	}
	return nil
}

// isMetadata reports whether gRPC sends a header with this name, in lower case, and this value.
func isMetadata(name, value string) bool {
	if name == "content-type" || name == "user-agent" || strings.HasPrefix(name, "grpc-") {
		return false
	}
	otherName := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && !strings.ContainsRune("-_.", r)
	}
	notPrintable := func(r rune) bool { return r < ' ' || r > '~' }
	return !strings.ContainsFunc(name, otherName) &&
		(strings.HasSuffix(name, "-bin") || !strings.ContainsFunc(value, notPrintable))
}

func checkCompression(v value) error {
	if v.text != "gzip" && v.text != "none" {
		return v.name.Invalid(v.text, "must be gzip or none")
	}
	return nil
}

func checkTimeout(v value) error {
	if ms, err := strconv.ParseInt(v.text, 10, 64); err != nil || ms < 1 {
		return v.name.Invalid(v.text, "must be a number of milliseconds, 1 or more")
	}
	return nil
}

// requestTimeout returns the limit of one attempt, or 0 if the variable is not set.
func (e *environment) requestTimeout() time.Duration {
	ms, err := strconv.ParseInt(e.timeout.text, 10, 64)
	if err != nil {
		return 0
	}
	return time.Duration(min(ms, maxTimeout.Milliseconds())) * time.Millisecond
}

func (e *environment) gzip() bool { return e.compression.text == "gzip" }

package otlp

import (
	"strconv"
	"strings"
	"time"

	"bookservice/tracer/internal/settings"
)

// variablePrefix precedes the names of OpenTelemetry's variables for OTLP.
const variablePrefix = "OTEL_EXPORTER_OTLP_"

// defaultTimeout is OpenTelemetry's default for one request.
const defaultTimeout = 10 * time.Second

// environment holds the variables that were set.
type environment struct {
	endpoint, protocol, headers value
	ca, cert, key               value
	compression, timeout        value
}

// A value is the value of a flag or of a variable.
type value struct {
	name settings.Name
	text string
}

// ReadEnvironment reads OpenTelemetry's variables: OTEL_EXPORTER_OTLP_ENDPOINT, _PROTOCOL,
// _HEADERS, _CERTIFICATE, _CLIENT_CERTIFICATE, _CLIENT_KEY, _COMPRESSION and _TIMEOUT, each also as
// OTEL_EXPORTER_OTLP_TRACES_…, which takes precedence. A field of c that is set overrides its
// variable. [tracer.Config.ReadEnvironment] calls it for the option [Backend]. An invalid value is
// an error of Validate if the backend is selected.
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
	}
	return nil
}

func checkProtocol(v value) error {
	if v.text != GRPC && v.text != HTTP {
		return v.name.Invalid(v.text, "must be grpc or http/protobuf")
	}
	return nil
}

func checkEndpoint(v value) error {
	u, err := settings.ParseURL(v.text)
	if err != nil {
		return v.name.Invalid(settings.RedactURL(v.text), "must be like http://127.0.0.1:4317")
	}
	if u.User != nil {
		return v.name.Invalid(settings.RedactURL(v.text),
			"must have no user: set headers for credentials")
	}
	return nil
}

func checkHeaders(v value) error {
	if _, must := settings.ParseHeaders(v.text); must != "" {
		return v.name.InvalidSecret(must)
	}
	return nil
}

func checkCompression(v value) error {
	if v.text != "gzip" && v.text != "none" {
		return v.name.Invalid(v.text, "must be gzip or none")
	}
	return nil
}

func checkTimeout(v value) error {
	if ms, err := strconv.Atoi(v.text); err != nil || ms < 1 {
		return v.name.Invalid(v.text, "must be a number of milliseconds, 1 or more")
	}
	return nil
}

// requestTimeout returns the limit for one request.
func (e *environment) requestTimeout() time.Duration {
	if ms, err := strconv.Atoi(e.timeout.text); err == nil {
		return time.Duration(ms) * time.Millisecond
	}
	return defaultTimeout
}

func (e *environment) gzip() bool { return e.compression.text == "gzip" }

package otlp

import (
	"errors"
	"log/slog"
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

	ignored []ignored
}

// An ignored value is one that is not supported.
type ignored struct {
	value
	supported string
}

// A value is the value of a flag or of a variable.
type value struct {
	name settings.Name
	text string
}

// ReadEnvironment reads OpenTelemetry's variables: OTEL_EXPORTER_OTLP_ENDPOINT, _PROTOCOL,
// _HEADERS, _INSECURE, _CERTIFICATE, _CLIENT_CERTIFICATE, _CLIENT_KEY, _COMPRESSION and _TIMEOUT
// (in ms), each also as OTEL_EXPORTER_OTLP_TRACES_…, which takes precedence. A field of c that is
// set overrides its variable. The files are read again when they change.
// [tracer.Config.ReadEnvironment] calls it for the option [Backend].
//
// A protocol or a compression that is not supported, and a time-out that is no positive number of
// milliseconds, are ignored, as OpenTelemetry's specification of environment variables demands; a
// variable of lower precedence or the default applies. The tracer logs a warning when it is opened
// with the backend. Any other invalid value, of a variable that says where spans go or with which
// credentials, is an error of Validate if the backend is selected.
func (c *Config) ReadEnvironment(lookup func(name string) (value string, set bool)) error {
	e := environment{}
	read := func(name string, check func(value) error) value {
		for _, prefix := range []string{variablePrefix + "TRACES_", variablePrefix} {
			text, _ := lookup(prefix + name)
			v := value{settings.Name{Variable: prefix + name}, strings.TrimSpace(text)}
			if v.text == "" || check != nil && e.ignores(&v, check) {
				continue
			}
			return v
		}
		return value{}
	}
	e.endpoint = read("ENDPOINT", nil)
	e.protocol = read("PROTOCOL", checkProtocol)
	e.headers = read("HEADERS", nil)
	e.ca = read("CERTIFICATE", nil)
	e.cert = read("CLIENT_CERTIFICATE", nil)
	e.key = read("CLIENT_KEY", nil)
	e.compression = read("COMPRESSION", checkCompression)
	e.timeout = read("TIMEOUT", checkTimeout)
	e.insecure = read("INSECURE", checkInsecure)
	c.environment = e
	return nil
}

// ignores reports whether v is not supported, and records it then. Otherwise v gets the lower case:
// names are case-insensitive.
func (e *environment) ignores(v *value, check func(value) error) bool {
	plain := value{v.name, strings.ToLower(v.text)}
	if invalid, ok := errors.AsType[*settings.Error](check(plain)); ok {
		e.ignored = append(e.ignored, ignored{*v, strings.TrimPrefix(invalid.Must, "must be ")})
		return true
	}
	*v = plain
	return false
}

// warn logs the values that are ignored.
func (e *environment) warn(log *slog.Logger) {
	for _, i := range e.ignored {
		log.Warn("unsupported value of an environment variable ignored",
			"variable", i.name.Variable, "value", i.text, "supported", i.supported)
	}
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

func checkInsecure(v value) error {
	if v.text != "true" && v.text != "false" {
		return v.name.Invalid(v.text, "must be true or false")
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

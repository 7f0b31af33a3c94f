// Package otlp is the tracer backend that sends spans in OpenTelemetry's protocol, over gRPC or
// HTTP: to Jaeger, Tempo, or any collector.
//
//	oc := otlp.DefaultConfig()
//	oc.Endpoint = "http://collector:4317"
//	c.Backend = otlp.Name
//	tr, closer, err := tracer.Open(ctx, c, otlp.Backend(&oc))
//
// A span with an error tag has the status ERROR with the error's message. Log records are events;
// logged errors are events with the name exception, a type and a message. Numbers and booleans keep
// their types. References beside the parent are links. Peers are the attributes
// network.peer.address, network.peer.port and peer.service. A peer with a name is server.address
// and server.port, or client.address and client.port on SERVER and CONSUMER spans. A tag with such
// a name takes precedence. The resource has service.name, service.version and service.instance.id
// (the address, or a random UUID), and the attributes of [tracer.Config].
//
// Over gRPC a status that the collector itself has sent decides what becomes of the spans, as the
// protocol specifies. What a proxy or a broken connection has made of the request does not: the
// spans are sent again. A proxy that the environment names is used (HTTP_PROXY for plain text,
// HTTPS_PROXY for TLS, NO_PROXY); with plain text it can read the headers. No redirect is followed.
package otlp

import (
	"cmp"
	"flag"
	"strings"
	"time"

	"bookservice/tracer"
	"bookservice/tracer/internal/settings"
)

// Name is the name of the backend in [tracer.Config].
const Name = "otlp"

// Protocols, by the names that OTEL_EXPORTER_OTLP_PROTOCOL uses.
const (
	GRPC = "grpc"
	HTTP = "http/protobuf"
)

// Config configures the backend. An empty field is set by the environment variables that
// [Config.ReadEnvironment] has read, and otherwise has OpenTelemetry's default.
type Config struct {
	// Endpoint is the URL of the collector: http:// for plain text, https:// for TLS. The default
	// is http://127.0.0.1:4317 for gRPC and http://127.0.0.1:4318/v1/traces for HTTP.
	//
	// For HTTP its path is where spans are posted; an empty path, or /, means /v1/traces. A query
	// is sent.
	//
	// For gRPC path and query of a URL have no meaning. host:port is an endpoint too, and so is a
	// name in gRPC's notation, such as dns:///host:port or unix:///run/otlp.sock. These mean TLS
	// unless Insecure is set; a Unix socket means plain text. Without a port it is 4317 for plain
	// text and 443 for TLS.
	Endpoint string
	// Insecure makes the connection plain text if Protocol is [GRPC] and Endpoint is no URL.
	Insecure bool
	// Protocol is [GRPC], which is the default, or [HTTP].
	Protocol string
	// Headers are sent with each request: comma-separated name=value pairs with percent-encoded
	// values. They often contain credentials and are never shown.
	Headers string
	// Timeout limits one attempt to deliver a batch: 100 ms or more; the default is 1 minute. An
	// attempt begins with 10 s, or with Timeout if that is shorter. After two attempts in a row
	// that did not end in time, the limit doubles, up to Timeout.
	Timeout time.Duration

	flags       settings.Prefix // set by RegisterFlags
	environment environment     // set by ReadEnvironment
}

// DefaultConfig returns the configuration for a collector on this machine, over gRPC.
func DefaultConfig() Config { return Config{} }

// Backend adds the backend to a tracer. It reads c when the tracer is opened.
// c must not be nil.
func Backend(c *Config) tracer.Option {
	return tracer.WithBackend(tracer.Backend{
		Name:            Name,
		RegisterFlags:   c.RegisterFlags,
		ReadEnvironment: c.ReadEnvironment,
		Check:           c.check,
		Open:            c.open,
	})
}

// RegisterFlags defines the flags that set c, with prefix before each name. The current values are
// the defaults. [tracer.Config.RegisterFlags] calls it for the option [Backend]. If fs has one of
// the flags already, RegisterFlags defines none and returns an error that names it.
func (c *Config) RegisterFlags(fs *flag.FlagSet, prefix string) error {
	c.flags = settings.Prefix(prefix)
	return c.flags.Register(fs, func(fs *flag.FlagSet) {
		settings.URL(fs, &c.Endpoint, "otlp-endpoint", "URL of the OTLP collector, or for gRPC "+
			"host:port, dns:///… or unix:///…; empty for OTEL_EXPORTER_OTLP_ENDPOINT, or else "+
			"http://127.0.0.1:4317 (4318 for HTTP)")
		fs.BoolVar(&c.Insecure, "otlp-insecure", c.Insecure,
			"use plain text for an -otlp-endpoint that is no URL; "+
				"also if OTEL_EXPORTER_OTLP_INSECURE is true")
		fs.StringVar(&c.Protocol, "otlp-protocol", c.Protocol,
			"protocol of the OTLP collector: grpc or http/protobuf; empty for "+
				"OTEL_EXPORTER_OTLP_PROTOCOL, or else grpc")
		settings.Secret(fs, &c.Headers, "otlp-headers", "headers for the OTLP collector: "+
			"comma-separated name=value pairs, values percent-encoded")
		fs.DurationVar(&c.Timeout, "otlp-timeout", c.Timeout,
			"limit of one attempt to send spans to the OTLP collector, 100ms or more; attempts "+
				"begin with 10s and have more after time-outs; 0s for "+
				"OTEL_EXPORTER_OTLP_TIMEOUT, or else 1m0s")
	})
}

// check checks all settings. Variables are checked only if the backend is selected: other programs
// use them too.
func (c *Config) check(selected bool) error {
	for _, v := range []struct {
		value
		check func(value) error
	}{
		{c.protocol(), checkProtocol},
		{c.endpoint(), c.checkEndpoint},
		{c.headers(), c.checkHeaders},
	} {
		if v.text == "" || v.name.Variable != "" && !selected {
			continue
		}
		if err := v.check(v.value); err != nil {
			return err
		}
	}
	if c.Timeout != 0 && c.Timeout < minTimeout {
		return c.flags.Invalid("otlp-timeout", c.Timeout, "must be 100ms or more, or 0s")
	}
	return nil
}

// minTimeout is the shortest limit of one attempt to deliver a batch.
const minTimeout = 100 * time.Millisecond

// timeout returns the limit of one attempt to deliver a batch.
func (c *Config) timeout() time.Duration {
	return cmp.Or(c.Timeout, c.environment.requestTimeout(), defaultTimeout)
}

// insecure reports whether an endpoint that is no URL means plain text.
func (c *Config) insecure() bool {
	return c.Insecure || strings.EqualFold(c.environment.insecure.text, "true")
}

// protocol returns the protocol setting in force.
func (c *Config) protocol() value {
	return c.value("otlp-protocol", c.Protocol, c.environment.protocol)
}

func (c *Config) endpoint() value {
	return c.value("otlp-endpoint", c.Endpoint, c.environment.endpoint)
}

func (c *Config) headers() value {
	return c.value("otlp-headers", c.Headers, c.environment.headers)
}

// value returns the flag's value, or the variable's if that is empty.
func (c *Config) value(flag, text string, variable value) value {
	if text == "" && variable.text != "" {
		return variable
	}
	return value{c.flags.Name(flag), text}
}

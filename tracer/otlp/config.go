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
package otlp

import (
	"cmp"
	"flag"
	"net/url"
	"path"

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
	// Endpoint is the URL of the collector: http:// for plain text, https:// for TLS. For HTTP its
	// path is where spans are posted; an empty path, or /, means /v1/traces. The default is
	// http://127.0.0.1:4317 for gRPC and http://127.0.0.1:4318/v1/traces for HTTP.
	Endpoint string
	// Protocol is [GRPC], which is the default, or [HTTP].
	Protocol string
	// Headers are sent with each request: comma-separated name=value pairs with percent-encoded
	// values. They often contain credentials and are never shown.
	Headers string

	flags       settings.Prefix // set by RegisterFlags
	environment environment     // set by ReadEnvironment
}

// DefaultConfig returns the configuration for a collector on this machine, over gRPC.
func DefaultConfig() Config { return Config{} }

// Backend adds the backend to a tracer. It reads c when the tracer is opened.
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
		settings.URL(fs, &c.Endpoint, "otlp-endpoint", "URL of the OTLP collector; empty for "+
			"OTEL_EXPORTER_OTLP_ENDPOINT, or else http://127.0.0.1:4317 (4318 for HTTP)")
		fs.StringVar(&c.Protocol, "otlp-protocol", c.Protocol,
			"protocol of the OTLP collector: grpc or http/protobuf; empty for "+
				"OTEL_EXPORTER_OTLP_PROTOCOL, or else grpc")
		settings.Secret(fs, &c.Headers, "otlp-headers", "headers for the OTLP collector: "+
			"comma-separated name=value pairs, values percent-encoded")
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
		{c.endpoint(), checkEndpoint},
		{c.headers(), checkHeaders},
		{c.environment.compression, checkCompression},
		{c.environment.timeout, checkTimeout},
	} {
		if v.text == "" || v.name.Variable != "" && !selected {
			continue
		}
		if err := v.check(v.value); err != nil {
			return err
		}
	}
	return nil
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

// url returns the URL to send to, with OpenTelemetry's rules for the path. The settings are valid.
func (c *Config) url() *url.URL {
	e := c.endpoint()
	http := c.protocol().text == HTTP
	if e.text == "" {
		e.text = "http://127.0.0.1:4317"
		if http {
			e.text = "http://127.0.0.1:4318"
		}
	}
	u, err := url.Parse(e.text)
	if err != nil || !http {
		return u
	}
	switch e.name.Variable {
	case variablePrefix + "TRACES_ENDPOINT": // used as it is
		u.Path = cmp.Or(u.Path, "/")
	case variablePrefix + "ENDPOINT": // a base for all signals
		u.Path = path.Join("/", u.Path, tracesPath)
	default:
		if u.Path == "" || u.Path == "/" {
			u.Path = tracesPath
		}
	}
	return u
}

// tracesPath is the default path for spans (OTLP/HTTP).
const tracesPath = "/v1/traces"

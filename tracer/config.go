package tracer

import (
	"flag"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/openzipkin/zipkin-go/model"
)

// Config says where the spans of a service go. DefaultConfig is a start for it.
type Config struct {
	// Backend is the name of a backend, or several separated by commas: noop, zipkin, otlp, file, log, memory. noop stands
	// alone.
	Backend string
	// ServiceName is the name of this service in its spans. Every backend but noop needs one.
	ServiceName string
	// ServiceVersion is the version of this service, for backends that have a place for it; may be empty.
	ServiceVersion string
	// Address is the "ip:port" at which this instance is reached, for its spans; empty for a client.
	Address string
	// Sample is the share of new traces that the sampler "probability" records, 0 to 1.
	Sample float64
	// Sampler says how it is decided which traces are recorded.
	Sampler SamplerConfig
	// TraceIDBits is the length of new traces' ids: 128, or 64 for peers that know no longer ones.
	TraceIDBits int
	// FlushTimeout is how long Close may try to send what is left.
	FlushTimeout time.Duration
	Delivery     DeliveryConfig
	Zipkin       ZipkinConfig
	Kafka        KafkaConfig
	RabbitMQ     RabbitMQConfig
	OTLP         OTLPConfig
	File         FileConfig
	Propagation  PropagationConfig
}

// DefaultConfig records nothing: it has the noop backend, and the defaults of everything else.
func DefaultConfig() Config {
	return Config{
		Backend:      "noop",
		Sample:       1,
		Sampler:      SamplerConfig{Kind: SamplerProbability, Rate: 100},
		TraceIDBits:  128,
		FlushTimeout: 5 * time.Second,
		Delivery:     defaultDelivery(),
		File:         FileConfig{MaxBytes: 100 << 20, Keep: 3},
		Zipkin: ZipkinConfig{Transport: ZipkinHTTP, Format: ZipkinProto, Gzip: true,
			URL: "http://127.0.0.1:9411/api/v2/spans"},
		Kafka:       KafkaConfig{Brokers: "127.0.0.1:9092", Topic: "zipkin"},
		RabbitMQ:    RabbitMQConfig{URL: "amqp://guest:guest@127.0.0.1:5672/", Queue: "zipkin"},
		Propagation: defaultPropagation(),
	}
}

// RegisterFlags defines the flags that set c; what c holds now are their defaults.
func (c *Config) RegisterFlags(fs *flag.FlagSet) {
	fs.StringVar(&c.Backend, "tracer", c.Backend, "where spans go: "+strings.Join(newOptions(nil).names(), ", ")+"; several with commas")
	fs.StringVar(&c.ServiceName, "service-name", c.ServiceName, "name of this service in its spans")
	fs.StringVar(&c.ServiceVersion, "service-version", c.ServiceVersion, "version of this service, for backends that show it")
	fs.Float64Var(&c.Sample, "sample", c.Sample, "share of new traces that -sampler probability records, 0..1")
	c.Sampler.registerFlags(fs)
	fs.IntVar(&c.TraceIDBits, "trace-id-bits", c.TraceIDBits, "length of new traces' ids: 128, or 64 for old peers")
	fs.DurationVar(&c.FlushTimeout, "flush-timeout", c.FlushTimeout, "how long sending the last spans may take at the end")
	c.Delivery.registerFlags(fs)
	c.Zipkin.registerFlags(fs)
	c.Kafka.registerFlags(fs)
	c.RabbitMQ.registerFlags(fs)
	c.OTLP.registerFlags(fs)
	c.File.registerFlags(fs)
	c.Propagation.registerFlags(fs)
}

// Validate returns the first setting that makes no sense, as one line that names it, its value and what is allowed. What only
// a backend that is not listed needs is not looked at, but for the zipkin backend's settings. The options are those that Open
// will get: they may bring backends of their own.
func (c Config) Validate(opts ...Option) error {
	o := newOptions(opts)
	names, err := c.backends(o)
	if err != nil {
		return err
	}
	for _, check := range []func() error{o.check, c.validate, c.Propagation.validate, c.Delivery.validate} {
		if err := check(); err != nil {
			return err
		}
	}
	if len(names) > 0 && c.ServiceName == "" {
		return fmt.Errorf("tracer: service-name is empty: backend %s needs one", c.Backend)
	}
	for _, name := range append(names, "zipkin") {
		if b, ok := o.sinks[name]; ok {
			if err := b.check(c); err != nil {
				return fmt.Errorf("tracer: %w", err)
			}
		}
	}
	return nil
}

func (c Config) validate() error {
	switch {
	case !(c.Sample >= 0 && c.Sample <= 1): // NaN fails too
		return fmt.Errorf("tracer: sample %v: must be 0 to 1", c.Sample)
	case c.TraceIDBits != 128 && c.TraceIDBits != 64:
		return fmt.Errorf("tracer: trace-id-bits %d: must be 128 or 64", c.TraceIDBits)
	case c.FlushTimeout <= 0:
		return fmt.Errorf("tracer: flush-timeout %v: must be more than 0", c.FlushTimeout)
	}
	if err := c.Sampler.validate(); err != nil {
		return fmt.Errorf("tracer: %w", err)
	}
	return nil
}

// backends returns the names that Backend lists, none for noop.
func (c Config) backends(o options) ([]string, error) {
	if c.Backend == noop {
		return nil, nil
	}
	names := strings.Split(c.Backend, ",")
	for i, name := range names {
		names[i] = strings.TrimSpace(name)
		_, whole := o.tracers[names[i]]
		switch _, known := o.sinks[names[i]]; {
		case (names[i] == noop || whole) && len(names) > 1:
			return nil, fmt.Errorf("tracer: backend %q: %s stands alone", c.Backend, names[i])
		case !known && !whole:
			return nil, fmt.Errorf("tracer: unknown backend %q (have %s)", names[i], strings.Join(o.names(), ", "))
		case slices.Contains(names[:i], names[i]):
			return nil, fmt.Errorf("tracer: backend %q: lists %s twice", c.Backend, names[i])
		}
	}
	return names, nil
}

// TraceURL returns the address at which a person finds the trace in Zipkin's pages; empty if the spans go elsewhere.
func (c Config) TraceURL(traceID string) string {
	for name := range strings.SplitSeq(c.Backend, ",") {
		if strings.TrimSpace(name) != "zipkin" {
			continue
		}
		u, err := url.Parse(c.Zipkin.URL)
		if err != nil {
			return ""
		}
		base := strings.TrimSuffix(strings.TrimSuffix(u.Path, "/api/v2/spans"), "/zipkin")
		u.User, u.RawQuery = nil, ""
		u.Path = base + "/zipkin/traces/" + traceID
		return u.String()
	}
	return ""
}

func localEndpoint(c Config) model.Endpoint {
	e := model.Endpoint{ServiceName: c.ServiceName}
	addr, err := netip.ParseAddrPort(c.Address)
	if err != nil {
		return e // a name, which Zipkin has no place for
	}
	e.Port = addr.Port()
	switch ip := addr.Addr().Unmap(); {
	case ip.IsUnspecified():
	case ip.Is4():
		e.IPv4 = ip.AsSlice()
	default:
		e.IPv6 = ip.AsSlice()
	}
	return e
}

// Package all is package tracer with every backend and transport of this module, in one Config. It
// links all of their libraries; a program that needs one of them imports that package instead.
package all

import (
	"context"
	"flag"
	"io"

	"github.com/opentracing/opentracing-go"

	"bookservice/tracer"
	"bookservice/tracer/kafka"
	"bookservice/tracer/otlp"
	"bookservice/tracer/rabbitmq"
)

// Config configures the tracer and all backends and transports. Start from [DefaultConfig].
type Config struct {
	tracer.Config
	OTLP     otlp.Config
	Kafka    kafka.Config
	RabbitMQ rabbitmq.Config
}

// DefaultConfig returns the noop backend, which records nothing, and the defaults of all other
// settings.
func DefaultConfig() Config {
	return Config{
		Config:   tracer.DefaultConfig(),
		OTLP:     otlp.DefaultConfig(),
		Kafka:    kafka.DefaultConfig(),
		RabbitMQ: rabbitmq.DefaultConfig(),
	}
}

// options returns the backends and transports with the settings of c, before further options.
func (c *Config) options(opts []tracer.Option) []tracer.Option {
	return append([]tracer.Option{
		otlp.Backend(&c.OTLP), kafka.Transport(&c.Kafka), rabbitmq.Transport(&c.RabbitMQ),
	}, opts...)
}

// ReadEnvironment is [tracer.Config.ReadEnvironment] for all backends.
func (c *Config) ReadEnvironment(
	lookup func(name string) (value string, set bool), opts ...tracer.Option,
) error {
	return c.Config.ReadEnvironment(lookup, c.options(opts)...)
}

// RegisterFlags is [tracer.Config.RegisterFlags] for all backends.
func (c *Config) RegisterFlags(fs *flag.FlagSet, prefix string, opts ...tracer.Option) error {
	return c.Config.RegisterFlags(fs, prefix, c.options(opts)...)
}

// Validate is [tracer.Config.Validate] for all backends.
func (c Config) Validate(opts ...tracer.Option) error {
	return c.Config.Validate(c.options(opts)...)
}

// Open is [tracer.Open] with all backends.
func Open(
	ctx context.Context, c Config, opts ...tracer.Option,
) (opentracing.Tracer, io.Closer, error) {
	return tracer.Open(ctx, c.Config, c.options(opts)...)
}

// Package rabbitmq sends spans to Zipkin by way of RabbitMQ, from which Zipkin's collectors read.
//
//	rc := rabbitmq.DefaultConfig()
//	rc.URL = "amqp://user:password@host:5672/"
//	c.Backend, c.Zipkin.Transport = "zipkin", rabbitmq.Name
//	tr, closer, err := tracer.Open(ctx, c, rabbitmq.Transport(&rc))
//
// A span counts as sent when the broker has confirmed it. A queue that exists is used as it is,
// whatever its type and arguments. The user needs the permission to write to the default exchange
// (amq.default), and to configure the queue only if it does not exist. A queue that does not exist
// and cannot be declared is a mistake in the configuration: it is logged, and the spans are kept.
package rabbitmq

import (
	"context"
	"flag"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"bookservice/tracer"
	"bookservice/tracer/internal/settings"
)

// Name is the name of the transport in [tracer.ZipkinConfig].
const Name = "rabbitmq"

// Config configures the transport. Start from [DefaultConfig].
type Config struct {
	// URL is the broker: amqp:// or amqps://, with user, password and virtual host. TLS uses the
	// files of [tracer.ZipkinConfig].
	URL string
	// Queue is the queue that Zipkin's collectors read. One that exists is used as it is; otherwise
	// a durable one is declared.
	Queue string

	flags settings.Prefix // set by RegisterFlags
}

// DefaultConfig returns the configuration for a broker on this machine.
func DefaultConfig() Config {
	return Config{URL: "amqp://guest:guest@127.0.0.1:5672/", Queue: "zipkin"}
}

// Transport adds the transport to a tracer. It reads c when the tracer is opened.
// c must not be nil.
func Transport(c *Config) tracer.Option {
	return tracer.WithTransport(tracer.Transport{
		Name:          Name,
		RegisterFlags: c.RegisterFlags,
		Check:         c.check,
		Open:          c.open,
	})
}

// RegisterFlags defines the flags that set c, with prefix before each name. The current values are
// the defaults. [tracer.Config.RegisterFlags] calls it for the option [Transport]. If fs has one of
// the flags already, RegisterFlags defines none and returns an error that names it.
func (c *Config) RegisterFlags(fs *flag.FlagSet, prefix string) error {
	c.flags = settings.Prefix(prefix)
	return c.flags.Register(fs, func(fs *flag.FlagSet) {
		settings.URL(fs, &c.URL, "rabbitmq-url",
			"RabbitMQ broker: amqp://user:password@host:port/vhost, or amqps://")
		fs.StringVar(&c.Queue, "rabbitmq-queue", c.Queue, "queue that Zipkin's collectors read")
	})
}

func (c *Config) check(selected bool) error {
	if selected || c.URL != "" {
		if _, err := amqp.ParseURI(c.URL); err != nil {
			return c.flags.Invalid("rabbitmq-url", settings.RedactURL(c.URL),
				"must be like amqp://user:password@127.0.0.1:5672/")
		}
	}
	if selected && c.Queue == "" {
		return c.flags.Invalid("rabbitmq-queue", "",
			"must not be empty for "+c.flags.Flag("zipkin-transport")+" "+Name)
	}
	return nil
}

func (c *Config) open(_ context.Context, s tracer.TransportSettings) (tracer.MessageSender, error) {
	sender := newSender(settingsOf(c, s))
	return tracer.MessageSender{
		Address: settings.RedactURL(c.URL) + " " + c.Queue,
		Send:    sender.send,
		Close:   sender.clients.Close,
	}, nil
}

func settingsOf(c *Config, s tracer.TransportSettings) brokerSettings {
	return brokerSettings{
		url: c.URL, queue: c.Queue, contentType: s.ContentType, tls: s.TLS,
		config: amqp.Config{
			Heartbeat: 10 * time.Second, Locale: "en_US",
			Properties: amqp.Table{"connection_name": s.ServiceName},
		},
	}
}

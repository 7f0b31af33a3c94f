// Package kafka sends spans to Zipkin by way of Kafka, from which Zipkin's collectors read.
//
//	kc := kafka.DefaultConfig()
//	kc.Brokers = "kafka1:9092,kafka2:9092"
//	c.Backend, c.Zipkin.Transport = "zipkin", kafka.Name
//	tr, closer, err := tracer.Open(ctx, c, kafka.Transport(&kc))
//
// A span counts as sent when all in-sync replicas have it. The producer is idempotent: what it
// repeats itself within the time limit of an attempt is stored once.
//
// The brokers of the cluster that those in the settings name are connected to, too, and receive the
// same credentials: that is how Kafka's clients find the leader of a partition.
package kafka

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"net"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"bookservice/tracer"
	"bookservice/tracer/delivery"
	"bookservice/tracer/internal/conns"
	"bookservice/tracer/internal/settings"
)

// Name is the name of the transport in [tracer.ZipkinConfig].
const Name = "kafka"

// Config configures the transport. Start from [DefaultConfig].
type Config struct {
	Brokers  string // comma-separated host:port
	Topic    string // that Zipkin's collectors read
	TLS      bool   // use TLS, with the files of [tracer.ZipkinConfig]
	SASL     string // plain, scram-sha-256 or scram-sha-512; empty for no authentication
	User     string // for SASL
	Password string

	flags settings.Prefix // set by RegisterFlags
}

// DefaultConfig returns the configuration for a broker on this machine.
func DefaultConfig() Config { return Config{Brokers: "127.0.0.1:9092", Topic: "zipkin"} }

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
		fs.StringVar(&c.Brokers, "kafka-brokers", c.Brokers,
			"Kafka brokers: a comma-separated list of host:port")
		fs.StringVar(&c.Topic, "kafka-topic", c.Topic, "topic that Zipkin's collectors read")
		fs.BoolVar(&c.TLS, "kafka-tls", c.TLS,
			"use TLS for Kafka, with -zipkin-ca, -zipkin-cert and -zipkin-key")
		fs.StringVar(&c.SASL, "kafka-sasl", c.SASL,
			"authentication at Kafka: plain, scram-sha-256 or scram-sha-512; empty for none")
		fs.StringVar(&c.User, "kafka-user", c.User, "user name for -kafka-sasl")
		settings.Secret(fs, &c.Password, "kafka-password", "password of -kafka-user")
	})
}

func (c *Config) check(selected bool) error {
	brokers := c.brokers()
	for _, broker := range brokers {
		host, port, err := net.SplitHostPort(broker)
		if err != nil || host == "" || !settings.ValidPort(port) {
			return c.flags.Invalid("kafka-brokers", broker, "must be host:port")
		}
	}
	switch {
	case selected && len(brokers) == 0:
		return c.flags.Invalid("kafka-brokers", c.Brokers, c.mustNotBeEmpty())
	case selected && c.Topic == "":
		return c.flags.Invalid("kafka-topic", c.Topic, c.mustNotBeEmpty())
	}
	if _, err := c.mechanism(); err != nil {
		return err
	}
	if c.SASL != "" && c.User == "" {
		return c.flags.Invalid("kafka-user", c.User,
			"must not be empty for "+c.flags.Flag("kafka-sasl")+" "+c.SASL)
	}
	return nil
}

func (c *Config) mustNotBeEmpty() string {
	return "must not be empty for " + c.flags.Flag("zipkin-transport") + " " + Name
}

func (c *Config) brokers() []string { return settings.SplitList(c.Brokers) }

// mechanism returns nil for no authentication.
func (c *Config) mechanism() (sasl.Mechanism, error) {
	switch c.SASL {
	case "":
		return nil, nil
	case "plain":
		return plain.Auth{User: c.User, Pass: c.Password}.AsMechanism(), nil
	case "scram-sha-256":
		return scram.Auth{User: c.User, Pass: c.Password}.AsSha256Mechanism(), nil
	case "scram-sha-512":
		return scram.Auth{User: c.User, Pass: c.Password}.AsSha512Mechanism(), nil
	}
	return nil, c.flags.Invalid("kafka-sasl", c.SASL,
		"must be one of plain, scram-sha-256, scram-sha-512, or empty")
}

func (c *Config) open(_ context.Context, s tracer.TransportSettings) (tracer.MessageSender, error) {
	mechanism, err := c.mechanism()
	if err != nil {
		return tracer.MessageSender{}, err
	}
	k := &kafkaSender{secrets: settings.NewSecrets(c.Password)}
	k.clients.Open = func(sockets *conns.Sockets) (*kgo.Client, error) {
		return kgo.NewClient(c.options(mechanism, sockets, s.TLS)...)
	}
	k.clients.Shut = (*kgo.Client).Close
	return tracer.MessageSender{
		Address: "kafka " + strings.Join(c.brokers(), ",") + " " + c.Topic,
		Send:    k.send,
		Close:   k.clients.Close,
	}, nil
}

// produceTimeout is how long the brokers may take to replicate a message. The context of an attempt
// ends earlier, unless the user has set a longer time.
const produceTimeout = time.Minute

func (c *Config) options(
	mechanism sasl.Mechanism, sockets *conns.Sockets, config func() *tls.Config,
) []kgo.Opt {
	dial := sockets.Dial
	if c.TLS {
		dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			return sockets.DialTLS(ctx, network, address, config())
		}
	}
	opts := []kgo.Opt{
		kgo.SeedBrokers(c.brokers()...),
		kgo.Dialer(dial),
		kgo.DefaultProduceTopic(c.Topic),
		kgo.AllowAutoTopicCreation(),
		kgo.ProducerBatchCompression(kgo.Lz4Compression(), kgo.NoCompression()),
		kgo.ProducerLinger(0), // a message is a batch already
		kgo.ProduceRequestTimeout(produceTimeout),
		// The queue sends an abandoned batch again. Without this option the client would keep a
		// batch that it has sent until the broker is back, and Close would wait for it.
		kgo.AllowIdempotentProduceCancellation(),
	}
	if mechanism != nil {
		opts = append(opts, kgo.SASL(mechanism))
	}
	return opts
}

// A kafkaSender produces messages. Its client is replaced when the brokers' connections are dead.
type kafkaSender struct {
	clients conns.Renewed[*kgo.Client]
	secrets settings.Secrets
}

func (k *kafkaSender) send(ctx context.Context, message []byte) error {
	record := &kgo.Record{Value: bytes.Clone(message)} // the client may keep it after ctx has ended
	err := k.clients.Do(ctx, func(client *kgo.Client) error {
		return produce(ctx, client, record)
	})
	if err == nil {
		return nil
	}
	return &delivery.SendError{Kind: errorKind(err), Err: k.secrets.Error(err)}
}

// produce returns when the record is stored or ctx ends. The client alone would wait longer for a
// broker that it has sent the record to.
func produce(ctx context.Context, client *kgo.Client, record *kgo.Record) error {
	done := make(chan error, 1)
	client.Produce(ctx, record, func(_ *kgo.Record, err error) { done <- err })
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func errorKind(err error) delivery.Kind {
	for _, configuration := range []error{
		kerr.SaslAuthenticationFailed, kerr.UnsupportedSaslMechanism, kerr.TopicAuthorizationFailed,
		kerr.ClusterAuthorizationFailed, kerr.InvalidTopicException, kerr.UnknownTopicOrPartition,
	} {
		if errors.Is(err, configuration) {
			return delivery.RetryAfterFix
		}
	}
	if errors.Is(err, kerr.MessageTooLarge) || errors.Is(err, kerr.RecordListTooLarge) {
		return delivery.Split
	}
	return delivery.Retry
}

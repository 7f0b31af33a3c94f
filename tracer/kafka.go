package tracer

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"bookservice/tracer/delivery"
)

// KafkaConfig is for the zipkin backend by way of Kafka, from which Zipkin's collectors read. Spans count as sent when all
// in-sync replicas have them. The producer is idempotent: what it repeats itself, for 10 s, arrives once.
type KafkaConfig struct {
	Brokers  string // host:port, several with commas
	Topic    string
	TLS      bool   // with ZipkinConfig's files
	SASL     string // "plain", "scram-sha-256", "scram-sha-512", or empty for none
	User     string
	Password string
}

func (k *KafkaConfig) registerFlags(fs *flag.FlagSet) {
	fs.StringVar(&k.Brokers, "kafka-brokers", k.Brokers, "brokers for -zipkin-transport kafka: host:port, with commas")
	fs.StringVar(&k.Topic, "kafka-topic", k.Topic, "topic that Zipkin's collectors read")
	fs.BoolVar(&k.TLS, "kafka-tls", k.TLS, "speak TLS with the brokers, with -zipkin-ca, -zipkin-cert and -zipkin-key")
	fs.StringVar(&k.SASL, "kafka-sasl", k.SASL, "how to log in at the brokers: plain, scram-sha-256 or scram-sha-512; empty for not at all")
	fs.StringVar(&k.User, "kafka-user", k.User, "user name for -kafka-sasl")
	fs.StringVar(&k.Password, "kafka-password", k.Password, "password of -kafka-user")
}

func (k KafkaConfig) check() error {
	for _, broker := range k.brokers() {
		if host, port, err := net.SplitHostPort(broker); err != nil || host == "" || !validPort(port) || port == "" {
			return fmt.Errorf("kafka-brokers %q: must be host:port, several with commas", k.Brokers)
		}
	}
	switch {
	case len(k.brokers()) == 0:
		return errors.New("kafka-brokers is empty: -zipkin-transport kafka needs some")
	case k.Topic == "":
		return errors.New("kafka-topic is empty")
	case k.SASL != "" && k.User == "":
		return fmt.Errorf("kafka-sasl %q: needs a kafka-user", k.SASL)
	}
	_, err := k.mechanism()
	return err
}

func (k KafkaConfig) brokers() []string { return splitList(k.Brokers) }

// mechanism returns nil where nobody has to log in.
func (k KafkaConfig) mechanism() (sasl.Mechanism, error) {
	switch k.SASL {
	case "":
		return nil, nil
	case "plain":
		return plain.Auth{User: k.User, Pass: k.Password}.AsMechanism(), nil
	case "scram-sha-256":
		return scram.Auth{User: k.User, Pass: k.Password}.AsSha256Mechanism(), nil
	case "scram-sha-512":
		return scram.Auth{User: k.User, Pass: k.Password}.AsSha512Mechanism(), nil
	}
	return nil, fmt.Errorf("kafka-sasl %q: must be plain, scram-sha-256, scram-sha-512 or empty", k.SASL)
}

func openKafka(c Config) (transport, error) {
	opts := []kgo.Opt{
		kgo.SeedBrokers(c.Kafka.brokers()...),
		kgo.DefaultProduceTopic(c.Kafka.Topic),
		kgo.AllowAutoTopicCreation(),
		kgo.ProducerBatchCompression(kgo.Lz4Compression(), kgo.NoCompression()),
		kgo.ProducerLinger(0), // a batch is a batch already
		// A batch that is given up here is sent again by the queue. Without this the client would hold on to one that it has
		// sent until the broker is back, and Close with it.
		kgo.AllowIdempotentProduceCancellation(),
	}
	mechanism, err := c.Kafka.mechanism()
	if err != nil {
		return transport{}, err
	}
	if mechanism != nil {
		opts = append(opts, kgo.SASL(mechanism))
	}
	if c.Kafka.TLS {
		tlsConfig, err := c.Zipkin.tls()
		if err != nil {
			return transport{}, err
		}
		opts = append(opts, kgo.DialTLSConfig(tlsConfig))
	}
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return transport{}, fmt.Errorf("kafka: %w", err)
	}
	p := &producer{cfg: c.Zipkin, client: client}
	return transport{shown: "kafka " + strings.Join(c.Kafka.brokers(), ",") + " " + c.Kafka.Topic, send: p.send, release: client.Close}, nil
}

// A producer sends each batch as one message.
type producer struct {
	cfg    ZipkinConfig
	client *kgo.Client
}

func (p *producer) send(ctx context.Context, batch delivery.Batch) error {
	ctx, cancel := context.WithTimeout(ctx, postTimeout)
	defer cancel()
	err := p.client.ProduceSync(ctx, &kgo.Record{Value: p.cfg.message(batch)}).FirstErr()
	if err == nil {
		return nil
	}
	return &delivery.SendError{Kind: kafkaKind(err), Err: err}
}

func kafkaKind(err error) delivery.Kind {
	for _, mistake := range []error{kerr.SaslAuthenticationFailed, kerr.UnsupportedSaslMechanism, kerr.TopicAuthorizationFailed,
		kerr.ClusterAuthorizationFailed, kerr.InvalidTopicException, kerr.UnknownTopicOrPartition} {
		if errors.Is(err, mistake) {
			return delivery.RetryAfterFix
		}
	}
	if errors.Is(err, kerr.MessageTooLarge) || errors.Is(err, kerr.RecordListTooLarge) {
		return delivery.Split
	}
	return delivery.Retry
}

package kafka_test

import (
	"context"
	"crypto/tls"
	"flag"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/openzipkin/zipkin-go/model"
	"github.com/openzipkin/zipkin-go/proto/zipkin_proto3"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"bookservice/tracer"
	"bookservice/tracer/kafka"
	"bookservice/tracer/tracertest"
	"bookservice/tracer/tracertest/testkit"
)

var quiet = slog.New(slog.DiscardHandler)

// startKafka starts a broker in this process.
func startKafka(t *testing.T, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	opts = append([]kfake.Opt{kfake.NumBrokers(1), kfake.SeedTopics(1, "zipkin")}, opts...)
	cluster, err := kfake.NewCluster(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return cluster
}

// settings configure a tracer and this transport.
type settings struct {
	tracer.Config
	Kafka kafka.Config
}

func config(cluster *kfake.Cluster) *settings {
	s := &settings{Config: tracer.DefaultConfig(), Kafka: kafka.DefaultConfig()}
	s.Backend, s.ServiceName, s.Zipkin.Transport = "zipkin", "books", kafka.Name
	if cluster != nil {
		s.Kafka.Brokers = strings.Join(cluster.ListenAddrs(), ",")
	}
	return s
}

func (s *settings) open(
	t *testing.T, opts ...tracer.Option,
) (opentracing.Tracer, io.Closer) {
	t.Helper()
	opts = append([]tracer.Option{tracer.WithLogger(quiet), kafka.Transport(&s.Kafka)}, opts...)
	tr, closer, err := tracer.Open(t.Context(), s.Config, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return tr, closer
}

// sendOne sends one span and returns the error of Close.
func (s *settings) sendOne(t *testing.T) error {
	t.Helper()
	tr, closer := s.open(t)
	tr.StartSpan("call").Finish()
	return closer.Close()
}

// consumed returns the spans in the topic, up to its current end.
func consumed(t *testing.T, cluster *kfake.Cluster, opts ...kgo.Opt) []model.SpanModel {
	t.Helper()
	opts = append(opts, kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.ConsumeTopics("zipkin"))
	client, err := kgo.NewClient(opts...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var all []model.SpanModel
	end := cluster.PartitionInfo("zipkin", 0).HighWatermark
	for next := int64(0); next < end; {
		fetched := client.PollFetches(ctx)
		if err := fetched.Err(); err != nil {
			t.Fatal(err)
		}
		for _, r := range fetched.Records() {
			spans, err := zipkin_proto3.ParseSpans(r.Value, false)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range spans {
				if s.Kind == "SPAN_KIND_UNSPECIFIED" { // the decoder's name for no kind
					s.Kind = model.Undetermined
				}
				all = append(all, *s)
			}
			next = r.Offset + 1
		}
	}
	return all
}

// TestTransportPassesTheSuite runs the suite with a broker.
func TestTransportPassesTheSuite(t *testing.T) {
	tracertest.Run(t, func(
		t *testing.T, change func(*tracer.Config),
	) (opentracing.Tracer, func() []model.SpanModel) {
		cluster := startKafka(t)
		s := config(cluster)
		if change != nil {
			change(&s.Config)
		}
		tr, closer := s.open(t)
		return tr, func() []model.SpanModel {
			if err := closer.Close(); err != nil {
				t.Error(err)
			}
			return consumed(t, cluster)
		}
	})
}

// TestLargeMessagesAreSplit has a broker that rejects the first two messages as too large.
func TestLargeMessagesAreSplit(t *testing.T) {
	cluster := startKafka(t)
	refusals := []int16{kerr.MessageTooLarge.Code, kerr.RecordListTooLarge.Code}
	cluster.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
		if len(refusals) == 0 {
			return nil, nil, false
		}
		cluster.KeepControl()
		code := refusals[0]
		refusals = refusals[1:]
		return refuse(req.(*kmsg.ProduceRequest), code), nil, true
	})
	m := &tracer.Metrics{}
	tr, closer := config(cluster).open(t, tracer.WithMetrics(m))
	for range 10 {
		tr.StartSpan("call").Finish()
	}
	if err := closer.Close(); err != nil {
		t.Error(err)
	}
	if have := len(consumed(t, cluster)); have != 10 {
		t.Errorf("have %d spans, want 10; %+v", have, m.Stats())
	}
}

// refuse returns the answer that refuses all messages of a request with the code.
func refuse(produce *kmsg.ProduceRequest, code int16) kmsg.Response {
	response := produce.ResponseKind().(*kmsg.ProduceResponse)
	for _, topic := range produce.Topics {
		rt := kmsg.NewProduceResponseTopic()
		rt.Topic, rt.TopicID = topic.Topic, topic.TopicID
		for _, partition := range topic.Partitions {
			rp := kmsg.NewProduceResponseTopicPartition()
			rp.Partition, rp.ErrorCode = partition.Partition, code
			rt.Partitions = append(rt.Partitions, rp)
		}
		response.Topics = append(response.Topics, rt)
	}
	return response
}

// TestSASL authenticates with each mechanism. With a wrong password the span is lost. The error
// does not show the password.
func TestSASL(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	for mechanism, name := range map[string]string{
		"plain": "PLAIN", "scram-sha-256": "SCRAM-SHA-256", "scram-sha-512": "SCRAM-SHA-512",
	} {
		t.Run(mechanism, func(t *testing.T) {
			t.Parallel()
			cluster := startKafka(t, kfake.EnableSASL(), kfake.Superuser(name, "ann", "s3cret"))
			s := config(cluster)
			s.Kafka.SASL, s.Kafka.User, s.Kafka.Password = mechanism, "ann", "s3cret"
			if err := s.sendOne(t); err != nil {
				t.Error(err)
			}
			s.Kafka.Password, s.FlushTimeout = "wr0ng", time.Second
			err := s.sendOne(t)
			if err == nil || strings.Contains(err.Error(), "wr0ng") ||
				!strings.Contains(err.Error(), "1 spans lost") {
				t.Errorf("wrong password: have %v, want one span lost and no password", err)
			}
		})
	}
}

// TestTLS checks that client and broker each verify the other's certificate.
func TestTLS(t *testing.T) {
	testkit.Slow(t)
	a, other := testkit.NewAuthority(t), testkit.NewAuthority(t)
	cluster := startKafka(t, kfake.TLS(a.ServerTLS(t)))
	cert, key := a.Issue(t, "client")
	otherCert, otherKey := other.Issue(t, "client")
	for name, test := range map[string]struct {
		ca, cert, key string
		accepted      bool
	}{
		"both":                    {a.CA, cert, key, true},
		"no client certificate":   {a.CA, "", "", false},
		"another's client":        {a.CA, otherCert, otherKey, false},
		"broker of an unknown CA": {other.CA, cert, key, false},
		"no CA":                   {"", cert, key, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := config(cluster)
			s.Kafka.TLS = true
			s.Zipkin.CA, s.Zipkin.Cert, s.Zipkin.Key = test.ca, test.cert, test.key
			if !test.accepted {
				s.FlushTimeout = time.Second
			}
			if err := s.sendOne(t); (err == nil) != test.accepted {
				t.Errorf("have %v, want the span accepted: %v", err, test.accepted)
			}
		})
	}
	client := &tls.Config{RootCAs: a.Pool(), Certificates: []tls.Certificate{a.Pair(t, "consumer")}}
	have := consumed(t, cluster, kgo.DialTLSConfig(client))
	if len(have) != 1 || have[0].Name != "call" {
		t.Errorf("have %v, want only the span of the accepted client", have)
	}
}

// TestPlainTextToABrokerWithTLS sends without TLS to a broker that requires it.
func TestPlainTextToABrokerWithTLS(t *testing.T) {
	testkit.Slow(t)
	cluster := startKafka(t, kfake.TLS(testkit.NewAuthority(t).ServerTLS(t)))
	s := config(cluster)
	s.FlushTimeout = time.Second
	if err := s.sendOne(t); err == nil {
		t.Error("have no error of Close, want the span lost")
	}
}

// TestErrorNamesBrokersAndTopic sends to a broker that refuses connections.
func TestErrorNamesBrokersAndTopic(t *testing.T) {
	s := config(nil)
	s.Kafka.Brokers, s.Kafka.Topic = testkit.ClosedAddr(t)+", "+testkit.ClosedAddr(t), "spans"
	s.FlushTimeout = 200 * time.Millisecond
	brokers := strings.ReplaceAll(s.Kafka.Brokers, " ", "")
	want := "tracer: zipkin kafka " + brokers + " spans: 1 spans lost"
	if err := s.sendOne(t); err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("have %v, want %s…", err, want)
	}
}

// TestTopic sends to another topic than the default.
func TestTopic(t *testing.T) {
	cluster := startKafka(t, kfake.SeedTopics(1, "spans"))
	s := config(cluster)
	s.Kafka.Topic = "spans"
	if err := s.sendOne(t); err != nil {
		t.Error(err)
	}
	have := cluster.PartitionInfo("spans", 0).HighWatermark
	if have != 1 || cluster.PartitionInfo("zipkin", 0).HighWatermark != 0 {
		t.Errorf("have %d messages in the topic, want 1, and none in the default topic", have)
	}
}

// TestFlags defines the flags with a prefix, which the errors and usage texts have too.
func TestFlags(t *testing.T) {
	c := kafka.Config{Password: "s3cret"}
	fs := flag.NewFlagSet("host", flag.ContinueOnError)
	var out strings.Builder
	fs.SetOutput(&out)
	if err := c.RegisterFlags(fs, "books-"); err != nil {
		t.Fatal(err)
	}
	fs.PrintDefaults()
	err := fs.Parse([]string{
		"-books-kafka-brokers", "b:1", "-books-kafka-topic", "t", "-books-kafka-tls",
		"-books-kafka-sasl", "plain", "-books-kafka-password", "s3cret2",
	})
	if err != nil || c.Brokers != "b:1" || c.Topic != "t" || !c.TLS || c.SASL != "plain" ||
		c.Password != "s3cret2" {
		t.Errorf("have %v and %+v", err, c)
	}
	if strings.Contains(out.String(), "s3cret") ||
		!strings.Contains(out.String(), "user name for -books-kafka-sasl") {
		t.Errorf("have usage %s, want the prefix and no secret", out.String())
	}
	const want = `-books-kafka-user "": must not be empty for -books-kafka-sasl plain`
	err = config(nil).Validate(kafka.Transport(&c))
	if err == nil || err.Error() != want {
		t.Errorf("have %v, want %s", err, want)
	}
	const defined = "tracer: flag -books-kafka-brokers is defined already"
	if err := c.RegisterFlags(fs, "books-"); err == nil || err.Error() != defined {
		t.Errorf("have %v, want %s", err, defined)
	}
}

// TestSettings checks the errors about settings, whether or not the transport is selected. Only the
// selected transport requires settings.
func TestSettings(t *testing.T) {
	const needed = ` must not be empty for -zipkin-transport kafka`
	for _, test := range []struct {
		want   string
		change func(*kafka.Config)
	}{
		{`-kafka-brokers "here": must be host:port`,
			func(c *kafka.Config) { c.Brokers = "127.0.0.1:9092,here" }},
		{`-kafka-brokers "h:0": must be host:port`, func(c *kafka.Config) { c.Brokers = "h:0" }},
		{`-kafka-brokers ":1": must be host:port`, func(c *kafka.Config) { c.Brokers = ":1" }},
		{`-kafka-brokers "":` + needed, func(c *kafka.Config) { c.Brokers = "" }},
		{`-kafka-topic "":` + needed, func(c *kafka.Config) { c.Topic = "" }},
		{`-kafka-user "": must not be empty for -kafka-sasl plain`,
			func(c *kafka.Config) { c.SASL = "plain" }},
		{`-kafka-sasl "x": must be one of plain, scram-sha-256, scram-sha-512, or empty`,
			func(c *kafka.Config) { c.SASL, c.User = "x", "a" }},
	} {
		s := config(nil)
		test.change(&s.Kafka)
		if err := s.Validate(kafka.Transport(&s.Kafka)); err == nil || err.Error() != test.want {
			t.Errorf("have %v, want %s", err, test.want)
		}
		s.Zipkin.Transport = tracer.ZipkinHTTP
		err := s.Validate(kafka.Transport(&s.Kafka))
		if strings.HasSuffix(test.want, needed) {
			if err != nil {
				t.Errorf("transport http: have %v, want an empty setting allowed", err)
			}
		} else if err == nil || err.Error() != test.want {
			t.Errorf("transport http: have %v, want %s", err, test.want)
		}
	}
}

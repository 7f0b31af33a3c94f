package tracer_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/openzipkin/zipkin-go/model"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"bookservice/tracer"
)

// startKafka starts brokers in this process, which keep what is produced.
func startKafka(t *testing.T, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	cluster, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1), kfake.SeedTopics(1, "zipkin")}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return cluster
}

func kafkaConfig(cluster *kfake.Cluster) tracer.Config {
	c := config("zipkin")
	c.Zipkin.Transport, c.Kafka.Brokers = tracer.ZipkinKafka, strings.Join(cluster.ListenAddrs(), ",")
	return c
}

// consumed returns all spans in the topic, read up to the offset at which it ends now.
func consumed(t *testing.T, cluster *kfake.Cluster, opts ...kgo.Opt) []model.SpanModel {
	t.Helper()
	client, err := kgo.NewClient(append(opts, kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.ConsumeTopics("zipkin"))...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var all []model.SpanModel
	for end, next := cluster.PartitionInfo("zipkin", 0).HighWatermark, int64(0); next < end; {
		fetched := client.PollFetches(ctx)
		if err := fetched.Err(); err != nil {
			t.Fatal(err)
		}
		for _, r := range fetched.Records() {
			spans, err := parseSpans("", r.Value)
			if err != nil {
				t.Fatal(err)
			}
			all, next = append(all, values(spans)...), r.Offset+1
		}
	}
	return all
}

func openKafka(t *testing.T, change func(*tracer.Config)) (opentracing.Tracer, func() []model.SpanModel) {
	cluster := startKafka(t)
	return open(t, kafkaConfig(cluster), change, func() []model.SpanModel { return consumed(t, cluster) })
}

// TestKafkaRefuses has the brokers ask for less at once, twice, and then take everything.
func TestKafkaRefuses(t *testing.T) {
	cluster := startKafka(t)
	refusals := []int16{kerr.MessageTooLarge.Code, kerr.MessageTooLarge.Code}
	cluster.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
		if len(refusals) == 0 {
			return nil, nil, false
		}
		cluster.KeepControl()
		code := refusals[0]
		refusals = refusals[1:]
		produce := req.(*kmsg.ProduceRequest)
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
		return response, nil, true
	})
	m := &tracer.Metrics{}
	tr, closer, err := tracer.Open(t.Context(), kafkaConfig(cluster), tracer.WithLogger(quiet), tracer.WithMetrics(m))
	if err != nil {
		t.Fatal(err)
	}
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

// TestKafkaWithPassword logs in with each mechanism; a wrong password keeps the spans, and is no secret's leak.
func TestKafkaWithPassword(t *testing.T) {
	t.Parallel()
	for mechanism, theirs := range map[string]string{"plain": "PLAIN", "scram-sha-256": "SCRAM-SHA-256", "scram-sha-512": "SCRAM-SHA-512"} {
		t.Run(mechanism, func(t *testing.T) {
			t.Parallel()
			cluster := startKafka(t, kfake.EnableSASL(), kfake.Superuser(theirs, "ann", "s3cret"))
			c := kafkaConfig(cluster)
			c.Kafka.SASL, c.Kafka.User, c.Kafka.Password = mechanism, "ann", "s3cret"
			if err := sendOne(t, c); err != nil {
				t.Error(err)
			}
			c.Kafka.Password, c.FlushTimeout = "wr0ng", time.Second
			if err := sendOne(t, c); err == nil || strings.Contains(err.Error(), "wr0ng") || !strings.Contains(err.Error(), "1 spans lost") {
				t.Errorf("with a wrong password: have %v, want one span lost and no password", err)
			}
		})
	}
}

// TestKafkaOverTLS has each side check the other's certificate.
func TestKafkaOverTLS(t *testing.T) {
	cert, key, pair := writePEM(t)
	pool := x509.NewCertPool()
	pool.AddCert(pair.Leaf)
	cluster := startKafka(t, kfake.TLS(&tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}))
	c := kafkaConfig(cluster)
	c.Kafka.TLS, c.Zipkin.CA, c.Zipkin.Cert, c.Zipkin.Key = true, cert, cert, key
	if err := sendOne(t, c); err != nil {
		t.Error(err)
	}
	have := consumed(t, cluster, kgo.DialTLSConfig(&tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}}))
	if len(have) != 1 || have[0].Name != "call" {
		t.Errorf("have %v, want the span", have)
	}
}

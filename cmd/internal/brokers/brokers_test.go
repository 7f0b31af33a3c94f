package brokers_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/opentracing/opentracing-go"

	"bookservice/tracer"
	"bookservice/tracer/all"
	"bookservice/tracer/kafka"
	"bookservice/tracer/rabbitmq"
	"bookservice/tracer/tracertest/zipkinserver"
)

// config has a minute to flush, and names the service.
func config(change func(*all.Config)) all.Config {
	c := all.DefaultConfig()
	c.Backend, c.ServiceName, c.FlushTimeout = "zipkin", "books", time.Minute
	change(&c)
	return c
}

// send finishes so many spans as fast as the queue has room for them, closes the tracer and checks that none was lost.
func send(t *testing.T, c all.Config, spans int) {
	t.Helper()
	m := &tracer.Metrics{}
	tr, closer, err := all.Open(t.Context(), c, tracer.WithLogger(slog.New(slog.DiscardHandler)), tracer.WithMetrics(m))
	if err != nil {
		t.Fatal(err)
	}
	for i := range spans {
		tr.StartSpan("call", opentracing.Tag{Key: "n", Value: i}).Finish()
		if i%10000 == 0 {
			eventually(t, "there is room", func() bool { return m.Stats().Sinks["zipkin"].QueueBytes < c.Delivery.QueueBytes/2 })
		}
	}
	if err := closer.Close(); err != nil {
		t.Error(err)
	}
	if s := m.Stats(); s.Finished != uint64(spans) || s.Sinks["zipkin"].Sent != uint64(spans) || s.Sinks["zipkin"].Dropped != 0 {
		t.Errorf("have %+v, want all %d sent", s, spans)
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for limit := time.Now().Add(2 * time.Minute); !ok(); <-tick.C {
		if time.Now().After(limit) {
			t.Fatalf("not within two minutes: %s", what)
		}
	}
}

// TestEveryWayToZipkin sends 200,000 spans on each. Every one arrives, and without a fault none twice.
func TestEveryWayToZipkin(t *testing.T) {
	kafkaBroker, rabbitBroker := startKafka(t), startRabbitMQ(t)
	z := zipkinserver.Start(t, "KAFKA_BOOTSTRAP_SERVERS="+kafkaBroker.addr, "RABBIT_ADDRESSES="+rabbitBroker.addr)
	const spans = 200000
	overHTTP := 0
	for _, way := range []struct {
		name, collector string
		change          func(*all.Config)
	}{
		{"HTTP protobuf", "http", func(c *all.Config) {}},
		{"HTTP JSON", "http", func(c *all.Config) { c.Zipkin.Format = tracer.ZipkinJSON }},
		{"Kafka", "kafka", func(c *all.Config) { c.Zipkin.Transport, c.Kafka.Brokers = kafka.Name, kafkaBroker.addr }},
		{"RabbitMQ", "rabbitmq", func(c *all.Config) {
			c.Zipkin.Transport, c.RabbitMQ.URL = rabbitmq.Name, rabbitURL(rabbitBroker.addr)
		}},
	} {
		t.Run(way.name, func(t *testing.T) {
			want := spans
			if way.collector == "http" {
				overHTTP += spans
				want = overHTTP
			}
			send(t, config(func(c *all.Config) {
				c.Zipkin.URL = z.URL + "/api/v2/spans"
				way.change(c)
			}), spans)
			if have := z.ReceivedBy(t, way.collector, want); have != want {
				t.Errorf("have %d spans, want exactly %d", have, want)
			}
		})
	}
}

// TestZipkinKilledUnderLoad kills it with SIGKILL and starts it again: what it had not taken arrives then.
func TestZipkinKilledUnderLoad(t *testing.T) {
	z := zipkinserver.Start(t)
	c := config(func(c *all.Config) { c.Zipkin.URL = z.URL + "/api/v2/spans" })
	m := &tracer.Metrics{}
	tr, closer, err := all.Open(t.Context(), c, tracer.WithLogger(slog.New(slog.DiscardHandler)), tracer.WithMetrics(m))
	if err != nil {
		t.Fatal(err)
	}
	more := func(n int) {
		for range n {
			tr.StartSpan("call").Finish()
		}
	}
	sent := func() uint64 { return m.Stats().Sinks["zipkin"].Sent }
	more(20000)
	eventually(t, "some are sent", func() bool { return sent() > 0 })
	z.Kill()
	more(20000)
	eventually(t, "it was tried", func() bool { return m.Stats().Sinks["zipkin"].Retried > 0 })
	before := sent()
	z.Restart(t)
	more(20000)
	if err := closer.Close(); err != nil {
		t.Error(err)
	}
	if s := m.Stats().Sinks["zipkin"]; s.Sent != 60000 || s.Dropped != 0 {
		t.Errorf("have %+v, want all 60000 sent", s)
	}
	if have, want := z.Received(t, int(60000-before)), int(60000-before); have < want {
		t.Errorf("have %d spans in the new one, want the %d that were left", have, want)
	}
}

package brokers_test

import (
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/opentracing/opentracing-go"

	"bookservice/tracer"
	"bookservice/tracer/all"
	"bookservice/tracer/delivery"
	"bookservice/tracer/kafka"
	"bookservice/tracer/rabbitmq"
	"bookservice/tracer/tracertest/testkit"
	"bookservice/tracer/tracertest/zipkinserver"
)

// config returns a configuration for Zipkin with a flush timeout of a minute.
func config(change func(*all.Config)) all.Config {
	c := all.DefaultConfig()
	c.Backend, c.ServiceName, c.FlushTimeout = "zipkin", "books", time.Minute
	change(&c)
	return c
}

// A client is an open tracer and its counters.
type client struct {
	opentracing.Tracer
	io.Closer
	metrics *tracer.Metrics
}

// open opens a tracer that logs to log.
func open(t *testing.T, c all.Config, log io.Writer) client {
	t.Helper()
	m := &tracer.Metrics{}
	logger := slog.New(slog.NewTextHandler(log, nil))
	tr, closer, err := all.Open(t.Context(), c, tracer.WithLogger(logger), tracer.WithMetrics(m))
	if err != nil {
		t.Fatal(err)
	}
	return client{tr, closer, m}
}

// queue returns the counters of the queue.
func (c client) queue() delivery.Stats { return c.metrics.Stats().Sinks["zipkin"] }

// flush closes the tracer and checks that all spans were sent and none was dropped.
func (c client) flush(t *testing.T, spans int) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if s := c.queue(); s.Sent != uint64(spans) || s.Dropped != 0 {
		t.Errorf("have %+v, want all %d sent", s, spans)
	}
}

// TestEveryWayToZipkin sends 200,000 spans each way. Without a fault each span arrives exactly
// once.
func TestEveryWayToZipkin(t *testing.T) {
	kafkaBroker, rabbitBroker := startKafka(t), startRabbitMQ(t)
	z := zipkinserver.Start(t,
		"KAFKA_BOOTSTRAP_SERVERS="+kafkaBroker.addr, "RABBIT_ADDRESSES="+rabbitBroker.addr)
	const spans = 200000
	overHTTP := 0
	for _, way := range []struct {
		name, collector string
		change          func(*all.Config)
	}{
		{"HTTP protobuf", "http", func(*all.Config) {}},
		{"HTTP JSON", "http", func(c *all.Config) { c.Zipkin.Format = tracer.ZipkinJSON }},
		{"Kafka", "kafka", func(c *all.Config) {
			c.Zipkin.Transport, c.Kafka.Brokers = kafka.Name, kafkaBroker.addr
		}},
		{"RabbitMQ", "rabbitmq", func(c *all.Config) {
			c.Zipkin.Transport, c.RabbitMQ.URL = rabbitmq.Name, rabbitURL(rabbitBroker.addr)
		}},
	} {
		t.Run(way.name, func(t *testing.T) {
			want := spans
			if way.collector == "http" { // one counter for both formats
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

// send finishes spans as fast as the queue has room, and closes the tracer.
func send(t *testing.T, config all.Config, spans int) {
	t.Helper()
	c := open(t, config, io.Discard)
	for i := range spans {
		c.StartSpan("call", opentracing.Tag{Key: "n", Value: i}).Finish()
		if i%10000 == 0 {
			testkit.Eventually(t, "the queue is less than half full", func() bool {
				return c.queue().QueueBytes < config.Delivery.QueueBytes/2
			})
		}
	}
	c.flush(t, spans)
	if have := c.metrics.Stats().Finished; have != uint64(spans) {
		t.Errorf("have %d spans finished, want %d", have, spans)
	}
}

// TestZipkinKilledUnderLoad kills Zipkin with SIGKILL and restarts it. The spans that the first
// process had not accepted arrive at the second.
func TestZipkinKilledUnderLoad(t *testing.T) {
	z := zipkinserver.Start(t)
	c := open(t, config(func(c *all.Config) { c.Zipkin.URL = z.URL + "/api/v2/spans" }), io.Discard)
	const spans = 60000
	finishThird := func() {
		for range spans / 3 {
			c.StartSpan("call").Finish()
		}
	}
	finishThird()
	testkit.Eventually(t, "spans are sent", func() bool { return c.queue().Sent > 0 })
	z.Kill()
	finishThird()
	testkit.Eventually(t, "spans are retried", func() bool { return c.queue().Retried > 0 })
	before := c.queue().Sent
	z.Restart(t)
	finishThird()
	c.flush(t, spans)
	want := spans - int(before)
	if have := z.Received(t, want); have < want {
		t.Errorf("have %d spans after the restart, want the remaining %d", have, want)
	}
}

package tracer_test

import (
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"bookservice/tracer"
)

// After Close nothing is left running, whether the destinations took the spans or were never there.
func TestCloseEndsEveryGoroutine(t *testing.T) {
	collector, otlp := newCollector(t, 0), newReceiver(t, nil)
	for name, test := range map[string]struct {
		change func(*tracer.Config)
		lost   bool
	}{
		"all there": {func(c *tracer.Config) {
			c.Zipkin.URL, c.OTLP.Endpoint = collector.URL+"/api/v2/spans", otlp.at(tracer.OTLPGRPC)
		}, false},
		"OTLP over HTTP": {func(c *tracer.Config) {
			c.Backend, c.OTLP.Protocol, c.OTLP.Endpoint = "otlp", tracer.OTLPHTTP, otlp.at(tracer.OTLPHTTP)
		}, false},
		"none there": {func(c *tracer.Config) { c.OTLP.Endpoint = "http://127.0.0.1:1" }, true},
		"no Kafka": {func(c *tracer.Config) {
			c.Backend, c.Zipkin.Transport, c.Kafka.Brokers = "zipkin", tracer.ZipkinKafka, "127.0.0.1:1"
		}, true},
		"no RabbitMQ": {func(c *tracer.Config) {
			c.Backend, c.Zipkin.Transport, c.RabbitMQ.URL = "zipkin", tracer.ZipkinRabbitMQ, "amqp://127.0.0.1:1/"
		}, true},
		"a spool": {func(c *tracer.Config) { c.Backend, c.Delivery.Spool = "zipkin", t.TempDir() }, false},
	} {
		t.Run(name, func(t *testing.T) {
			before := goleak.IgnoreCurrent()
			c := config("zipkin,otlp,file,log,memory")
			c.File.Path, c.FlushTimeout = filepath.Join(t.TempDir(), "spans.json"), 200*time.Millisecond
			test.change(&c)
			tr, closer, err := tracer.Open(t.Context(), c, tracer.WithLogger(quiet))
			if err != nil {
				t.Fatal(err)
			}
			below(tr, "inner", below(tr, "outer", nil)).Finish()
			tr.StartSpan("call").Finish()
			if err := closer.Close(); (err != nil) != test.lost {
				t.Errorf("have %v, want spans lost: %v", err, test.lost)
			}
			if err := goleak.Find(before); err != nil {
				t.Error(err)
			}
		})
	}
}

package all_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	"go.uber.org/goleak"

	"bookservice/tracer"
	"bookservice/tracer/all"
	"bookservice/tracer/kafka"
	"bookservice/tracer/otlp"
	"bookservice/tracer/rabbitmq"
	"bookservice/tracer/tracertest/receiver"
	"bookservice/tracer/tracertest/testkit"
)

// TestCloseEndsEveryGoroutine closes tracers whose destinations are up, and tracers whose
// destinations refuse connections.
func TestCloseEndsEveryGoroutine(t *testing.T) {
	zipkin, collector := receiver.NewZipkin(t, 0), receiver.NewOTLP(t, nil)
	closed := testkit.ClosedAddr(t)
	for name, test := range map[string]struct {
		change func(*all.Config)
		lost   bool
	}{
		"all up": {func(c *all.Config) {
			c.Zipkin.URL, c.OTLP.Endpoint = zipkin.URL, collector.GRPCURL
		}, false},
		"OTLP over HTTP": {func(c *all.Config) {
			c.Backend, c.OTLP.Protocol, c.OTLP.Endpoint = "otlp", otlp.HTTP, collector.HTTPURL
		}, false},
		"all down": {func(c *all.Config) { c.OTLP.Endpoint = "http://" + closed }, true},
		"Kafka down": {func(c *all.Config) {
			c.Backend, c.Zipkin.Transport, c.Kafka.Brokers = "zipkin", kafka.Name, closed
		}, true},
		"RabbitMQ down": {func(c *all.Config) {
			c.Backend, c.Zipkin.Transport = "zipkin", rabbitmq.Name
			c.RabbitMQ.URL = "amqp://" + closed + "/"
		}, true},
		"spooled": {func(c *all.Config) {
			c.Backend, c.Delivery.Spool = "zipkin", t.TempDir()
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			before := goleak.IgnoreCurrent()
			c := config("zipkin,otlp,file,log,memory")
			c.Zipkin.URL = "http://" + closed + "/api/v2/spans"
			c.File.Path = filepath.Join(t.TempDir(), "spans.json")
			c.FlushTimeout = 200 * time.Millisecond
			test.change(&c)
			tr, closer, err := all.Open(t.Context(), c, tracer.WithLogger(nil))
			if err != nil {
				t.Fatal(err)
			}
			outer := tr.StartSpan("outer", ext.SpanKindRPCServer)
			child := opentracing.ChildOf(outer.Context())
			tr.StartSpan("inner", ext.SpanKindRPCServer, child).Finish()
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

package tracertest_test

import (
	"testing"

	"github.com/opentracing/opentracing-go"
	"github.com/openzipkin/zipkin-go/model"

	"bookservice/tracer"
	"bookservice/tracer/tracertest"
)

// The test of a backend passes a function that opens a tracer with the backend. The body of this
// example is that of a test function; instead of the backend memory it would open its own.
func ExampleRun() {
	var t *testing.T // of the test function
	tracertest.Run(t, func(
		t *testing.T, change func(*tracer.Config),
	) (opentracing.Tracer, func() []model.SpanModel) {
		c := tracer.DefaultConfig()
		c.Backend, c.ServiceName = "memory", "books"
		if change != nil {
			change(&c)
		}
		spans := &tracer.Memory{}
		tr, closer, err := tracer.Open(t.Context(), c, tracer.WithMemory(spans))
		if err != nil {
			t.Fatal(err)
		}
		return tr, func() []model.SpanModel {
			if err := closer.Close(); err != nil {
				t.Error(err)
			}
			return spans.Spans()
		}
	})
}

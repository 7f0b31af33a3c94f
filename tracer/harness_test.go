package tracer_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/harness"

	"bookservice/tracer"
)

// probe compares spans of ours by what their contexts say.
type probe struct{}

func (probe) SameTrace(a, b opentracing.Span) bool {
	return a.Context().(*tracer.SpanContext).TraceID() == b.Context().(*tracer.SpanContext).TraceID()
}

func (probe) SameSpanContext(s opentracing.Span, c opentracing.SpanContext) bool {
	have, want := s.Context().(*tracer.SpanContext), c.(*tracer.SpanContext)
	return have.TraceID() == want.TraceID() && have.SpanID() == want.SpanID()
}

func TestOpenTracingHarness(t *testing.T) {
	for _, backend := range []string{"memory", "log", "zipkin", "memory,log"} {
		for name, share := range map[string]float64{"sampled": 1, "unsampled": 0} {
			t.Run(backend+"/"+name, func(t *testing.T) {
				c := config(backend)
				c.Sample = share
				c.FlushTimeout = time.Millisecond // the zipkin backend has nobody to talk to here
				harness.RunAPIChecks(t, func() (opentracing.Tracer, func()) {
					tr, closer, err := tracer.Open(context.Background(), c, tracer.WithLogger(slog.New(slog.DiscardHandler)))
					if err != nil {
						t.Fatal(err)
					}
					return tr, func() { _ = closer.Close() }
				}, harness.CheckEverything(), harness.UseProbe(probe{}))
			})
		}
	}
}

func config(backend string) tracer.Config {
	c := tracer.DefaultConfig()
	c.Backend, c.ServiceName = backend, "bookserver"
	c.Zipkin.URL = "http://127.0.0.1:1/api/v2/spans"
	return c
}

// memory opens a tracer that keeps its spans.
func memory(t *testing.T, change func(*tracer.Config)) (opentracing.Tracer, *tracer.Memory) {
	t.Helper()
	c := config("memory")
	if change != nil {
		change(&c)
	}
	m := &tracer.Memory{}
	tr, closer, err := tracer.Open(context.Background(), c, tracer.WithMemory(m))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = closer.Close() })
	return tr, m
}

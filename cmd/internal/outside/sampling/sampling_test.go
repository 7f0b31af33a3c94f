package sampling_test

import (
	"math"
	"testing"

	"github.com/opentracing/opentracing-go"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"bookservice/tracer"
)

// TestProbabilityAgreesWithOpenTelemetry compares the decisions of both samplers for the same
// traces.
func TestProbabilityAgreesWithOpenTelemetry(t *testing.T) {
	const traces = 4000
	for _, share := range []float64{0, 1e-9, 0.01, 0.25, 0.5, 0.9, 1 - 1e-9, 1} {
		tr, spans := open(t, share)
		theirs := sdktrace.TraceIDRatioBased(share)
		recorded := 0
		for range traces {
			root := tr.StartSpan("root")
			tr.StartSpan("child", opentracing.ChildOf(root.Context())).Finish()
			root.Finish()
			c := root.Context().(tracer.SpanContext)
			id, err := trace.TraceIDFromHex(c.TraceID())
			if err != nil {
				t.Fatal(err)
			}
			decision := theirs.ShouldSample(sdktrace.SamplingParameters{
				ParentContext: t.Context(), TraceID: id,
			}).Decision
			want := decision == sdktrace.RecordAndSample
			if c.Sampled() != want {
				t.Errorf("share %v: have %v for trace %v, want %v", share, c.Sampled(), id, want)
			}
			if want {
				recorded++
			}
		}
		if have := len(spans.Spans()); have != 2*recorded {
			t.Errorf("share %v: have %d spans, want two in each of %d traces",
				share, have, recorded)
		}
		// Four standard deviations of the binomial distribution, and one trace for rounding.
		limit := 4*math.Sqrt(traces*share*(1-share)) + 1
		if off := math.Abs(float64(recorded) - traces*share); off > limit {
			t.Errorf("share %v: have %d of %d traces", share, recorded, traces)
		}
	}
}

// open opens a tracer that records a share of its traces in memory.
func open(t *testing.T, share float64) (opentracing.Tracer, *tracer.Memory) {
	t.Helper()
	c := tracer.DefaultConfig()
	c.Backend, c.ServiceName, c.Sample = "memory", "books", share
	spans := &tracer.Memory{}
	tr, closer, err := tracer.Open(t.Context(), c, tracer.WithMemory(spans))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := closer.Close(); err != nil {
			t.Error(err)
		}
	})
	return tr, spans
}

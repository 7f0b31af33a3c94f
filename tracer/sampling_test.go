package tracer_test

import (
	"context"
	"encoding/binary"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/openzipkin/zipkin-go/model"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"bookservice/tracer"
)

func sampled(tr opentracing.Tracer, operation string, opts ...opentracing.StartSpanOption) bool {
	return tr.StartSpan(operation, opts...).Context().(tracer.SpanContext).Sampled()
}

func extract(t *testing.T, tr opentracing.Tracer, headers map[string]string) opentracing.StartSpanOption {
	t.Helper()
	sc, err := tr.Extract(opentracing.TextMap, opentracing.TextMapCarrier(headers))
	if err != nil {
		t.Fatal(err)
	}
	return opentracing.ChildOf(sc)
}

// TestProbabilityAgreesWithOpenTelemetry asks both samplers about the same traces.
func TestProbabilityAgreesWithOpenTelemetry(t *testing.T) {
	for _, share := range []float64{0, 1e-9, 0.01, 0.25, 0.5, 0.9, 1 - 1e-9, 1} {
		tr, m := memory(t, func(c *tracer.Config) { c.Sample = share })
		theirs := sdktrace.TraceIDRatioBased(share)
		recorded := 0
		for range 4000 {
			root := tr.StartSpan("root")
			tr.StartSpan("child", opentracing.ChildOf(root.Context())).Finish()
			root.Finish()
			c := root.Context().(tracer.SpanContext)
			id, err := trace.TraceIDFromHex(c.TraceID())
			if err != nil {
				t.Fatal(err)
			}
			want := theirs.ShouldSample(sdktrace.SamplingParameters{ParentContext: context.Background(), TraceID: id}).Decision == sdktrace.RecordAndSample
			if c.Sampled() != want {
				t.Errorf("share %v: have %v for trace %v, want %v", share, c.Sampled(), id, want)
			}
			if want {
				recorded++
			}
		}
		if have := len(m.Spans()); have != 2*recorded {
			t.Errorf("share %v: have %d spans, want two in each of %d traces", share, have, recorded)
		}
		// Four standard deviations of 4000 draws.
		if off := math.Abs(float64(recorded) - 4000*share); off > 4*math.Sqrt(4000*share*(1-share))+1 {
			t.Errorf("share %v: have %d of 4000 traces", share, recorded)
		}
	}
}

// A trace id of 64 bits is judged by the same bits as the long one that ends in it.
func TestProbabilityOfShortIds(t *testing.T) {
	tr, _ := memory(t, func(c *tracer.Config) { c.Sample = 0.5 })
	for _, low := range []uint64{1, 1 << 62, 1<<63 - 1, 1 << 63, math.MaxUint64} {
		var b [16]byte
		binary.BigEndian.PutUint64(b[8:], low)
		short := model.TraceID{Low: low}.String()
		long := trace.TraceID(b).String()
		have := sampled(tr, "x", extract(t, tr, map[string]string{"b3": short + "-" + span1}))
		if want := sampled(tr, "x", extract(t, tr, map[string]string{"b3": "1" + long[1:] + "-" + span1})); have != want {
			t.Errorf("%s: have %v, want %v as for the long id", short, have, want)
		}
	}
}

func TestSamplersRespectTheParentUnlessToldOtherwise(t *testing.T) {
	headers := map[string]map[string]string{
		"none":      nil,
		"undecided": {"b3": trace128 + "-" + span1},
		"deny":      {"b3": trace128 + "-" + span1 + "-0"},
		"accept":    {"b3": trace128 + "-" + span1 + "-1"},
		"debug":     {"b3": trace128 + "-" + span1 + "-d"},
	}
	// Which of the traces above are recorded, in their order.
	for name, test := range map[string]struct {
		sampler              string
		share                float64
		ignore               bool
		none, und, den, a, d bool
	}{
		"always":                {"always", 0, false, true, true, false, true, true},
		"never":                 {"never", 1, false, false, false, false, true, true},
		"probability 1":         {"probability", 1, false, true, true, false, true, true},
		"probability 0":         {"probability", 0, false, false, false, false, true, true},
		"parent":                {"parent", 1, false, false, false, false, true, true},
		"always, told":          {"always", 0, true, true, true, true, true, true},
		"never, told":           {"never", 1, true, false, false, false, false, true},
		"probability 0, told":   {"probability", 0, true, false, false, false, false, true},
		"ratelimited":           {"ratelimited", 0, false, true, true, false, true, true},
		"ratelimited, and told": {"ratelimited", 0, true, true, true, true, true, true},
	} {
		tr, _ := memory(t, func(c *tracer.Config) {
			c.Sampler.Kind, c.Sample, c.Sampler.IgnoreParent = test.sampler, test.share, test.ignore
		})
		for parent, want := range map[string]bool{"none": test.none, "undecided": test.und, "deny": test.den, "accept": test.a, "debug": test.d} {
			var opts []opentracing.StartSpanOption
			if headers[parent] != nil {
				opts = append(opts, extract(t, tr, headers[parent]))
			}
			span := tr.StartSpan("x", opts...)
			if have := span.Context().(tracer.SpanContext).Sampled(); have != want {
				t.Errorf("%s: parent %s: have %v, want %v", name, parent, have, want)
			}
			// Within the process the decision is made once.
			if have := sampled(tr, "below", opentracing.ChildOf(span.Context())); have != want {
				t.Errorf("%s: parent %s: have %v for the child, want %v", name, parent, have, want)
			}
		}
	}
}

func TestRateLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, _ := memory(t, func(c *tracer.Config) { c.Sampler.Kind, c.Sampler.Rate = "ratelimited", 2.5 })
		accepted := func() (n int) {
			for range 100 {
				if sampled(tr, "x") {
					n++
				}
			}
			return n
		}
		if n := accepted(); n != 3 {
			t.Errorf("have %d traces at once, want 3: a second's worth", n)
		}
		<-time.After(800 * time.Millisecond)
		if n := accepted(); n != 2 {
			t.Errorf("have %d traces after 0.8 s, want 2", n)
		}
	})
}

func TestSampleOperations(t *testing.T) {
	tr, _ := memory(t, func(c *tracer.Config) {
		c.Sample = 0
		c.Sampler.Operations = "get*=never, getBook*=always,getBooks=0,odd=name=1.0,slow=1/s"
	})
	for operation, want := range map[string]bool{
		"other": false, "get": false, "getUser": false, "getBook": true, "getBookInfo": true, "getBooks": false, "odd=name": true, "slow": true,
	} {
		if have := sampled(tr, operation); have != want {
			t.Errorf("%s: have %v, want %v", operation, have, want)
		}
	}
	if sampled(tr, "slow") {
		t.Error("slow: have a second one at once, want one a second")
	}
	root := tr.StartSpan("getBook")
	if !sampled(tr, "getUser", opentracing.ChildOf(root.Context())) {
		t.Error("an operation's own sampler undid what the trace's first span had decided")
	}
}

func TestTraceIDBits(t *testing.T) {
	for bits, digits := range map[int]int{128: 32, 64: 16} {
		tr, _ := memory(t, func(c *tracer.Config) { c.TraceIDBits = bits })
		root := tr.StartSpan("root")
		if id, _ := tracer.TraceID(root.Context()); len(id) != digits {
			t.Errorf("%d bits: have %s", bits, id)
		}
		id, _ := tracer.TraceID(tr.StartSpan("x", extract(t, tr, map[string]string{"b3": trace128 + "-" + span1})).Context())
		if id != trace128 {
			t.Errorf("%d bits: have %s below %s", bits, id, trace128)
		}
	}
}

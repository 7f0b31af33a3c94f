package tracer_test

import (
	"testing"

	"github.com/opentracing/opentracing-go"

	"bookservice/tracer"
)

// TestSpanContext checks the methods of the contexts of spans and of extracted contexts.
func TestSpanContext(t *testing.T) {
	tr, _ := memory(t, nil)
	off := opentracing.Tag{Key: "sampling.priority", Value: 0}
	sampled, unsampled := tr.StartSpan("x").Context(), tr.StartSpan("x", off).Context()
	for name, test := range map[string]struct {
		sc          opentracing.SpanContext
		trace, span int // lengths
		sampled     bool
	}{
		"sampled":            {sampled, 32, 16, true},
		"not sampled":        {unsampled, 32, 16, false},
		"extracted":          {extractB3(t, tr, trace128+"-"+span1+"-1"), 32, 16, true},
		"extracted, 64 bits": {extractB3(t, tr, trace64+"-"+span1+"-0"), 16, 16, false},
		"undecided":          {extractB3(t, tr, trace128+"-"+span1), 32, 16, false},
		"debug":              {extractB3(t, tr, trace128+"-"+span1+"-d"), 32, 16, true},
		"accept without ids": {extractB3(t, tr, "1"), 0, 0, true},
		"deny without ids":   {extractB3(t, tr, "0"), 0, 0, false},
	} {
		c, ok := test.sc.(tracer.SpanContext)
		if !ok {
			t.Errorf("%s: have %T, want a tracer.SpanContext", name, test.sc)
			continue
		}
		if len(c.TraceID()) != test.trace || len(c.SpanID()) != test.span ||
			c.Sampled() != test.sampled {
			t.Errorf("%s: have trace %q, span %q, sampled %v",
				name, c.TraceID(), c.SpanID(), c.Sampled())
		}
		id, ok := tracer.TraceID(test.sc)
		if id != c.TraceID() || ok != (test.trace > 0) {
			t.Errorf("%s: TraceID: have %q, %v, want %q", name, id, ok, c.TraceID())
		}
	}
	noop := opentracing.NoopTracer{}.StartSpan("x").Context()
	for _, sc := range []opentracing.SpanContext{nil, noop} {
		if _, ok := sc.(tracer.SpanContext); ok {
			t.Errorf("%T is a tracer.SpanContext", sc)
		}
		if id, ok := tracer.TraceID(sc); id != "" || ok {
			t.Errorf("TraceID of %T: have %q, %v", sc, id, ok)
		}
	}
}

func extractB3(t *testing.T, tr opentracing.Tracer, b3 string) opentracing.SpanContext {
	t.Helper()
	sc, err := tr.Extract(opentracing.TextMap, lines{{"b3", b3}})
	if err != nil {
		t.Fatal(err)
	}
	return sc
}

// TestContextDoesNotChange keeps contexts of a span whose baggage and priority change.
func TestContextDoesNotChange(t *testing.T) {
	tr, _ := memory(t, nil)
	s := tr.StartSpan("x")
	first := s.Context().(tracer.SpanContext)
	s.SetBaggageItem("k", "v")
	second := s.Context().(tracer.SpanContext)
	s.SetTag("sampling.priority", 0)
	third := s.Context().(tracer.SpanContext)
	if len(baggageOf(first)) != 0 || len(baggageOf(second)) != 1 || !second.Sampled() ||
		third.Sampled() || len(baggageOf(third)) != 1 {
		t.Errorf("have %v %v, %v %v, %v %v, want each as it was returned",
			baggageOf(first), first.Sampled(), baggageOf(second), second.Sampled(),
			baggageOf(third), third.Sampled())
	}
	if first.SpanID() != third.SpanID() || first.TraceID() != third.TraceID() {
		t.Errorf("have ids %s and %s of one span", first.SpanID(), third.SpanID())
	}
}

// TestForeachBaggageItemStops stops after the first item.
func TestForeachBaggageItemStops(t *testing.T) {
	tr, _ := memory(t, nil)
	sc := tr.StartSpan("x").SetBaggageItem("a", "1").SetBaggageItem("b", "2").Context()
	n := 0
	sc.ForeachBaggageItem(func(string, string) bool { n++; return false })
	if n != 1 {
		t.Errorf("have %d items, want 1", n)
	}
}

// TestTraceIDsWithAHalfOfZeros extracts ids of which one half is zero. Both are valid.
func TestTraceIDsWithAHalfOfZeros(t *testing.T) {
	tr, _ := memory(t, nil)
	for in, want := range map[string]string{
		trace128[:16] + zeros16: trace128[:16] + zeros16, zeros16 + trace64: trace64,
	} {
		c := extractB3(t, tr, in+"-"+span1+"-1").(tracer.SpanContext)
		child := tr.StartSpan("x", opentracing.ChildOf(c))
		id, _ := tracer.TraceID(child.Context())
		if c.TraceID() != want || id != want {
			t.Errorf("%s: have %s, and %s for a child, want %s", in, c.TraceID(), id, want)
		}
	}
}

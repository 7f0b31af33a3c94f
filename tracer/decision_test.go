package tracer_test

import (
	"fmt"
	"testing"

	"github.com/opentracing/opentracing-go"

	"bookservice/tracer"
)

// TestDecisionsArePreserved receives each decision in each format, and injects it in each format,
// whatever the service's sampler is. Without a decision the sampler decides. The span is recorded
// accordingly.
func TestDecisionsArePreserved(t *testing.T) {
	incoming := map[string]map[string]lines{
		"b3": {
			"":  {{"b3", trace128 + "-" + span1}},
			"0": {{"b3", trace128 + "-" + span1 + "-0"}},
			"1": {{"b3", trace128 + "-" + span1 + "-1"}},
			"d": {{"b3", trace128 + "-" + span1 + "-d"}},
		},
		"b3multi": {
			"":  {{"x-b3-traceid", trace128}, {"x-b3-spanid", span1}},
			"0": {{"x-b3-traceid", trace128}, {"x-b3-spanid", span1}, {"x-b3-sampled", "0"}},
			"1": {{"x-b3-traceid", trace128}, {"x-b3-spanid", span1}, {"x-b3-sampled", "1"}},
			"d": {{"x-b3-traceid", trace128}, {"x-b3-spanid", span1}, {"x-b3-flags", "1"}},
		},
		"b3 alone": {"0": {{"b3", "0"}}, "1": {{"b3", "1"}}, "d": {{"b3", "d"}}},
		"b3multi alone": {
			"0": {{"x-b3-sampled", "0"}}, "1": {{"x-b3-sampled", "1"}}, "d": {{"x-b3-flags", "1"}},
		},
		"w3c": {
			"0": {{"traceparent", "00-" + trace128 + "-" + span1 + "-00"}},
			"1": {{"traceparent", "00-" + trace128 + "-" + span1 + "-01"}},
			"d": {{"traceparent", "00-" + trace128 + "-" + span1 + "-01"},
				{"tracestate", "b3=" + trace128 + "-" + span1 + "-d"}},
		},
		"jaeger": {
			"0": {{"uber-trace-id", trace128 + ":" + span1 + ":0:0"}},
			"1": {{"uber-trace-id", trace128 + ":" + span1 + ":0:1"}},
			"d": {{"uber-trace-id", trace128 + ":" + span1 + ":0:3"}},
		},
		"nothing": {"": {}},
	}
	for from, states := range incoming {
		for state, in := range states {
			for _, to := range []string{"b3", "b3multi", "w3c", "jaeger", "w3c,b3multi"} {
				for _, share := range []float64{0, 1} {
					name := fmt.Sprintf("%s %q to %s, sampler %v", from, state, to, share)
					t.Run(name, func(t *testing.T) { checkDecision(t, in, state, to, share) })
				}
			}
		}
	}
}

func checkDecision(t *testing.T, in lines, state, to string, share float64) {
	t.Helper()
	tr, spans := memory(t, func(c *tracer.Config) {
		c.Propagation.Inject, c.Sample = to, share
	})
	out, own := passOn(t, tr, in)
	want := state
	if want == "" {
		want = fmt.Sprint(share)
	}
	sc, err := tr.Extract(opentracing.TextMap, out)
	if err != nil {
		t.Fatalf("injected %v: %v", out, err)
	}
	next := sc.(tracer.SpanContext)
	if next.TraceID() != own.TraceID() || next.SpanID() != own.SpanID() {
		t.Errorf("have span %s of trace %s injected, want %s of %s",
			next.SpanID(), next.TraceID(), own.SpanID(), own.TraceID())
	}
	if have := decisionOf(t, sc); have != want {
		t.Errorf("have decision %q injected as %v, want %q", have, out, want)
	}
	recorded := spans.Spans()
	if have := len(recorded) == 1; have != (want != "0") {
		t.Fatalf("decision %q: have %d spans recorded", want, len(recorded))
	}
	if len(recorded) == 1 && recorded[0].Debug != (want == "d") {
		t.Errorf("decision %q: have debug %v", want, recorded[0].Debug)
	}
}

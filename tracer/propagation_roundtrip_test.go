package tracer_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opentracing/opentracing-go"

	"bookservice/tracer"
)

// Every combination of formats sends its own headers and no others, and what is sent is read again as it was: the ids of 64
// and of 128 bits, the parent and the decision, over each carrier.
func TestEveryCombinationComesBack(t *testing.T) {
	names := []string{"b3", "b3multi", "w3c", "jaeger"}
	for set := 1; set < 1<<len(names); set++ {
		var chosen []string
		for i, name := range names {
			if set>>i&1 != 0 {
				chosen = append(chosen, name)
			}
		}
		formats := strings.Join(chosen, ",")
		tr, _ := memory(t, sending(formats))
		for _, trace := range []string{trace128, trace64} {
			for _, parent := range []string{"", parent1} {
				for _, state := range []string{"", "0", "1", "d"} {
					t.Run(fmt.Sprintf("%s %d %q %q", formats, len(trace)*4, parent, state), func(t *testing.T) {
						sc := contextOf(t, tr, trace, parent, state)
						have := inject(t, tr, sc)
						if diff := cmp.Diff(headersOf(formats, trace, parent, state), have); diff != "" {
							t.Errorf("-want +have\n%s", diff)
						}
						checkWellFormed(t, have)
						for name, carry := range carriers {
							again, err := carry(tr, sc)
							if err != nil {
								t.Fatalf("%s: %v", name, err)
							}
							checkSameContext(t, name, tr, again, trace, expressible(formats, state))
						}
					})
				}
			}
		}
	}
}

// contextOf extracts a context with the given facts.
func contextOf(t *testing.T, tr opentracing.Tracer, trace, parent, state string) opentracing.SpanContext {
	t.Helper()
	in := lines{{"X-B3-TraceId", trace}, {"X-B3-SpanId", span1}, {"X-B3-ParentSpanId", parent}}
	if state == "d" {
		in = append(in, [2]string{"X-B3-Flags", "1"})
	} else {
		in = append(in, [2]string{"X-B3-Sampled", state})
	}
	sc, err := tr.Extract(opentracing.HTTPHeaders, in)
	if err != nil {
		t.Fatal(err)
	}
	return sc
}

// headersOf returns what has to be sent.
func headersOf(formats, trace, parent, state string) opentracing.TextMapCarrier {
	out := opentracing.TextMapCarrier{}
	put := func(key, value string) {
		if value != "" {
			out[key] = value
		}
	}
	for format := range strings.SplitSeq(formats, ",") {
		switch format {
		case "b3":
			b3 := trace + "-" + span1
			if state != "" {
				b3 = strings.TrimSuffix(b3+"-"+state+"-"+parent, "-")
			}
			put("b3", b3)
		case "b3multi":
			put("x-b3-traceid", trace)
			put("x-b3-spanid", span1)
			put("x-b3-parentspanid", parent)
			put("x-b3-sampled", strings.Trim(state, "d"))
			put("x-b3-flags", map[string]string{"d": "1"}[state])
		case "w3c":
			put("traceparent", fmt.Sprintf("00-%032s-%s-%s", trace, span1, map[string]string{"": "00", "0": "00", "1": "01", "d": "01"}[state]))
			if formats == "w3c" && state == "d" {
				put("tracestate", "b3="+trace+"-"+span1+"-d")
			}
		case "jaeger":
			parent := parent
			if parent == "" {
				parent = "0"
			}
			put("uber-trace-id", trace+":"+span1+":"+parent+":"+map[string]string{"": "0", "0": "0", "1": "1", "d": "3"}[state])
		}
	}
	return out
}

// expressible is the decision that a reader sees: only B3 can leave it open.
func expressible(formats, state string) string {
	if state == "" && !strings.Contains(formats, "b3") {
		return "0"
	}
	return state
}

func checkSameContext(t *testing.T, name string, tr opentracing.Tracer, sc opentracing.SpanContext, trace, state string) {
	t.Helper()
	c := sc.(tracer.SpanContext)
	if c.TraceID() != trace || c.SpanID() != span1 {
		t.Errorf("%s: have span %s of trace %s, want %s of %s", name, c.SpanID(), c.TraceID(), span1, trace)
	}
	if have := decisionOf(t, sc); have != state {
		t.Errorf("%s: have decision %q, want %q", name, have, state)
	}
}

// decisionOf returns the context's decision as B3 has it, empty when it is open.
func decisionOf(t testing.TB, sc opentracing.SpanContext) string {
	t.Helper()
	tr, _ := memory(t, sending("b3"))
	out := inject(t, tr, sc)["b3"]
	if len(out) == 1 {
		return out
	}
	if parts := strings.Split(out, "-"); len(parts) > 2 {
		return parts[2]
	}
	return ""
}

package tracer_test

import (
	stdcmp "cmp"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opentracing/opentracing-go"

	"bookservice/tracer"
)

// TestEveryCombinationOfFormats injects contexts in every combination of formats: with ids of 64
// and 128 bits, with and without a parent id, with each decision, into each carrier. Only the
// headers of the formats may be sent, and the extracted context must be the same.
func TestEveryCombinationOfFormats(t *testing.T) {
	names := []string{"b3", "b3multi", "w3c", "jaeger"}
	for set := 1; set < 1<<len(names); set++ {
		var chosen []string
		for i, name := range names {
			if set>>i&1 != 0 {
				chosen = append(chosen, name)
			}
		}
		formats := strings.Join(chosen, ",")
		tr, _ := memory(t, injecting(formats))
		for _, trace := range []string{trace128, trace64} {
			for _, parent := range []string{"", parent1} {
				for _, state := range []string{"", "0", "1", "d"} {
					name := fmt.Sprintf("%s %d %q %q", formats, len(trace)*4, parent, state)
					t.Run(name, func(t *testing.T) {
						checkRoundTrip(t, tr, formats, trace, parent, state)
					})
				}
			}
		}
	}
}

func checkRoundTrip(t *testing.T, tr opentracing.Tracer, formats, trace, parent, state string) {
	t.Helper()
	in := lines{{"X-B3-TraceId", trace}, {"X-B3-SpanId", span1}, {"X-B3-ParentSpanId", parent}}
	if state == "d" {
		in = append(in, [2]string{"X-B3-Flags", "1"})
	} else {
		in = append(in, [2]string{"X-B3-Sampled", state})
	}
	sc := extract(t, tr, in)
	have := inject(t, tr, sc)
	if diff := cmp.Diff(wantHeaders(formats, trace, parent, state), have); diff != "" {
		t.Errorf("-want +have\n%s", diff)
	}
	checkWellFormed(t, have)
	for name, carry := range carriers {
		again, err := carry(tr, sc)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		c := again.(tracer.SpanContext)
		if c.TraceID() != trace || c.SpanID() != span1 {
			t.Errorf("%s: have span %s of trace %s, want %s of %s",
				name, c.SpanID(), c.TraceID(), span1, trace)
		}
		if have, want := decisionOf(t, again), extractedDecision(formats, state); have != want {
			t.Errorf("%s: have decision %q, want %q", name, have, want)
		}
	}
}

// wantHeaders returns the headers that must be injected.
func wantHeaders(formats, trace, parent, state string) opentracing.TextMapCarrier {
	w3cFlags := map[string]string{"": "00", "0": "00", "1": "01", "d": "01"}
	jaegerFlags := map[string]string{"": "0", "0": "0", "1": "1", "d": "3"}
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
			put("traceparent", fmt.Sprintf("00-%032s-%s-%s", trace, span1, w3cFlags[state]))
			if formats == "w3c" && state == "d" {
				put("tracestate", "b3="+trace+"-"+span1+"-d")
			}
		case "jaeger":
			put("uber-trace-id",
				trace+":"+span1+":"+stdcmp.Or(parent, "0")+":"+jaegerFlags[state])
		}
	}
	return out
}

// extractedDecision returns the decision that is extracted again: only B3 can express an undecided
// state.
func extractedDecision(formats, state string) string {
	if state == "" && !strings.Contains(formats, "b3") {
		return "0"
	}
	return state
}

// decisionOf returns the decision of the context as B3 writes it, or "" if it is undecided.
func decisionOf(t testing.TB, sc opentracing.SpanContext) string {
	t.Helper()
	tr, _ := memory(t, injecting("b3"))
	out := inject(t, tr, sc)["b3"]
	if len(out) == 1 {
		return out
	}
	if parts := strings.Split(out, "-"); len(parts) > 2 {
		return parts[2]
	}
	return ""
}

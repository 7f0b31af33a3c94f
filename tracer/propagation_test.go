package tracer_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	kitot "github.com/go-kit/kit/tracing/opentracing"
	"github.com/go-kit/log"
	"github.com/google/go-cmp/cmp"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	"google.golang.org/grpc/metadata"

	"bookservice/tracer"
)

const (
	trace128 = "463ac35c9f6413ad48485a3953bb6124"
	trace64  = "48485a3953bb6124"
	span1    = "a2fb4a1d1a96d312"
	parent1  = "0020000000000001"
)

// What is sent by default, and what of it comes from the caller.
func TestInject(t *testing.T) {
	tr, _ := memory(t, nil)
	in := lines{
		{"traceparent", "00-" + trace128 + "-" + span1 + "-01"},
		{"tracestate", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"},
		{"baggage", "user=ann"},
	}
	out, own := passOn(t, tr, in)
	want := opentracing.TextMapCarrier{
		"traceparent":       "00-" + trace128 + "-" + own.SpanID() + "-01",
		"tracestate":        "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE",
		"x-b3-traceid":      trace128,
		"x-b3-spanid":       own.SpanID(),
		"x-b3-parentspanid": span1,
		"x-b3-sampled":      "1",
		"baggage":           "user=ann",
	}
	if diff := cmp.Diff(want, out); diff != "" {
		t.Errorf("-want +have\n%s", diff)
	}
}

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
	c := sc.(*tracer.SpanContext)
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

// A service keeps the decision of its caller, whatever format it comes in and goes out in, and whatever its own sampler would
// say; where there is none the sampler decides. What was decided is what is recorded.
func TestDecisionsGoThrough(t *testing.T) {
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
		"b3 alone":      {"0": {{"b3", "0"}}, "1": {{"b3", "1"}}, "d": {{"b3", "d"}}},
		"b3multi alone": {"0": {{"x-b3-sampled", "0"}}, "1": {{"x-b3-sampled", "1"}}, "d": {{"x-b3-flags", "1"}}},
		"w3c": {
			"0": {{"traceparent", "00-" + trace128 + "-" + span1 + "-00"}},
			"1": {{"traceparent", "00-" + trace128 + "-" + span1 + "-01"}},
			"d": {{"traceparent", "00-" + trace128 + "-" + span1 + "-01"}, {"tracestate", "b3=" + trace128 + "-" + span1 + "-d"}},
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
					t.Run(fmt.Sprintf("%s %q to %s, sampler %v", from, state, to, share), func(t *testing.T) {
						checkDecision(t, in, state, to, share)
					})
				}
			}
		}
	}
}

func checkDecision(t *testing.T, in lines, state, to string, share float64) {
	t.Helper()
	tr, spans := memory(t, func(c *tracer.Config) { c.Propagation.Inject, c.Sample = to, share })
	out, own := passOn(t, tr, in)
	want := state
	if want == "" {
		want = fmt.Sprint(share)
	}
	sc, err := tr.Extract(opentracing.TextMap, out)
	if err != nil {
		t.Fatalf("what was sent, %v: %v", out, err)
	}
	if next := sc.(*tracer.SpanContext); next.TraceID() != own.TraceID() || next.SpanID() != own.SpanID() {
		t.Errorf("have span %s of trace %s sent, want %s of %s", next.SpanID(), next.TraceID(), own.SpanID(), own.TraceID())
	}
	if have := decisionOf(t, sc); have != want {
		t.Errorf("have decision %q sent on as %v, want %q", have, out, want)
	}
	recorded := spans.Spans()
	if have := len(recorded) == 1; have != (want != "0") {
		t.Fatalf("have %d spans recorded with decision %q", len(recorded), want)
	}
	if len(recorded) == 1 && recorded[0].Debug != (want == "d") {
		t.Errorf("have a span with debug %v", recorded[0].Debug)
	}
}

// TestPrecedence has callers that send several formats.
func TestPrecedence(t *testing.T) {
	b3, multi := [2]string{"b3", trace128 + "-" + span1 + "-1"}, lines{{"x-b3-traceid", trace64}, {"x-b3-spanid", "2"}, {"x-b3-sampled", "1"}}
	w3c, jaeger := [2]string{"traceparent", w3cParent}, [2]string{"uber-trace-id", "5:6:0:1"}
	const same = trace128 + "-" + span1
	for name, test := range map[string]struct {
		in           lines
		trace, state string
	}{
		"b3 first":                   {append(lines{jaeger, w3c, b3}, multi...), trace128, "1"},
		"then X-B3":                  {append(lines{jaeger, w3c}, multi...), trace64, "1"},
		"then traceparent":           {lines{jaeger, w3c}, w3cTrace, "1"},
		"then uber-trace-id":         {lines{jaeger}, "0000000000000005", "1"},
		"malformed b3":               {lines{{"b3", "x"}, w3c}, w3cTrace, "1"},
		"malformed X-B3":             {lines{{"x-b3-traceid", "x"}, {"x-b3-spanid", "1"}, w3c}, w3cTrace, "1"},
		"malformed traceparent":      {lines{{"traceparent", "x"}, jaeger}, "0000000000000005", "1"},
		"two traceparents":           {lines{w3c, {"traceparent", w3cDenied}, jaeger}, "0000000000000005", "1"},
		"b3's deny, w3c's ids":       {lines{{"b3", "0"}, w3c}, w3cTrace, "0"},
		"X-B3's debug, w3c's ids":    {lines{{"x-b3-flags", "1"}, {"traceparent", w3cDenied}}, w3cTrace, "d"},
		"b3's deny, jaeger's ids":    {lines{{"b3", "0"}, jaeger}, "0000000000000005", "0"},
		"open b3, w3c accepts":       {lines{{"b3", same}, {"traceparent", "00-" + same + "-01"}}, trace128, "1"},
		"open b3, w3c does not":      {lines{{"b3", same}, {"traceparent", "00-" + same + "-00"}}, trace128, ""},
		"open b3, w3c of another":    {lines{{"b3", same}, w3c}, trace128, ""},
		"b3 denies, w3c accepts":     {lines{{"b3", same + "-0"}, {"traceparent", "00-" + same + "-01"}}, trace128, "0"},
		"b3 accepts, w3c does not":   {lines{{"b3", same + "-1"}, {"traceparent", "00-" + same + "-00"}}, trace128, "1"},
		"w3c accepts, jaeger debugs": {lines{{"traceparent", "00-" + same + "-01"}, {"uber-trace-id", trace128 + ":" + span1 + ":0:3"}}, trace128, "d"},
		"w3c denies, jaeger debugs":  {lines{{"traceparent", "00-" + same + "-00"}, {"uber-trace-id", trace128 + ":" + span1 + ":0:3"}}, trace128, "0"},
		"debug of another trace":     {lines{w3c, {"tracestate", "b3=" + same + "-d"}}, w3cTrace, "1"},
		"debug in a bad tracestate":  {lines{w3c, {"tracestate", "b3=" + w3cTrace + "-" + span1 + "-d,B=1"}}, w3cTrace, "1"},
	} {
		t.Run(name, func(t *testing.T) {
			tr, _ := memory(t, nil)
			sc, err := tr.Extract(opentracing.TextMap, test.in)
			if err != nil {
				t.Fatal(err)
			}
			if have := sc.(*tracer.SpanContext).TraceID(); have != test.trace || decisionOf(t, sc) != test.state {
				t.Errorf("have trace %s with decision %q, want %s with %q", have, decisionOf(t, sc), test.trace, test.state)
			}
		})
	}
}

// Debug goes on through services that send W3C only: as the b3 member of tracestate, in front of the members of others.
func TestDebugWithW3COnly(t *testing.T) {
	tr, _ := memory(t, sending("w3c"))
	out, own := passOn(t, tr, lines{{"x-b3-flags", "1"}, {"traceparent", w3cDenied}, {"tracestate", "foo=1"}})
	if want := "b3=" + own.TraceID() + "-" + own.SpanID() + "-d,foo=1"; out["tracestate"] != want {
		t.Fatalf("have tracestate %q, want %q", out["tracestate"], want)
	}
	again, own := passOn(t, tr, out)
	if want := "b3=" + own.TraceID() + "-" + own.SpanID() + "-d,foo=1"; again["tracestate"] != want {
		t.Errorf("the next one has tracestate %q, want %q", again["tracestate"], want)
	}
	full, _ := passOn(t, tr, lines{{"x-b3-flags", "1"}, {"traceparent", w3cDenied}, {"tracestate", members(1, 32)}})
	if !strings.HasSuffix(full["tracestate"], "-d,"+members(1, 31)) {
		t.Errorf("have tracestate %q, want the last of 32 members to have made room", full["tracestate"])
	}
}

// A B3 caller that expects to share its span's id with the server joins the trace all the same: the server's span is below
// the caller's, and has an id of its own.
func TestSharingCallerJoins(t *testing.T) {
	tr, spans := memory(t, nil)
	sc, err := tr.Extract(opentracing.HTTPHeaders, lines{{"b3", trace128 + "-" + span1 + "-1-" + parent1}})
	if err != nil {
		t.Fatal(err)
	}
	tr.StartSpan("server", ext.RPCServerOption(sc)).Finish()
	got := spans.Spans()
	if len(got) != 1 {
		t.Fatalf("have %d spans", len(got))
	}
	s := got[0]
	if s.TraceID.String() != trace128 || s.ParentID == nil || s.ParentID.String() != span1 || s.ID.String() == span1 || s.Shared {
		t.Errorf("have span %v below %v of trace %v, shared %v, want it below %s of %s", s.ID, s.ParentID, s.TraceID, s.Shared, span1, trace128)
	}
}

// With none nothing is sent, baggage neither, and everything is still read.
func TestNoneSendsNothing(t *testing.T) {
	tr, _ := memory(t, sending("none"))
	out, own := passOn(t, tr, lines{{"traceparent", w3cParent}, {"baggage", "k=v"}})
	if len(out) != 0 || own.TraceID() != w3cTrace {
		t.Errorf("have %v sent in trace %s", out, own.TraceID())
	}
}

// A decision that came without ids is sent on where a format has a way to, and never beside ids.
func TestDecisionWithoutIDs(t *testing.T) {
	for formats, want := range map[string]opentracing.TextMapCarrier{
		"b3":          {"b3": "0"},
		"b3multi":     {"x-b3-sampled": "0"},
		"b3,b3multi":  {"b3": "0", "x-b3-sampled": "0"},
		"w3c,jaeger":  {},
		"w3c,b3multi": {"x-b3-sampled": "0"},
	} {
		tr, _ := memory(t, sending(formats))
		sc, err := tr.Extract(opentracing.TextMap, lines{{"b3", "0"}})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, inject(t, tr, sc)); diff != "" {
			t.Errorf("%s: -want +have\n%s", formats, diff)
		}
		out, own := passOn(t, tr, lines{{"b3", "0"}})
		if _, bare := out["b3"]; own.TraceID() == "" || bare && out["b3"] == "0" {
			t.Errorf("%s: the span below has ids %q, and sends %v", formats, own.TraceID(), out)
		}
	}
}

// The names of all headers are read in any case.
func TestHeaderNamesInAnyCase(t *testing.T) {
	in := map[string]lines{
		"b3":      {{"b3", trace128 + "-" + span1 + "-1"}},
		"b3multi": {{"x-b3-traceid", trace128}, {"x-b3-spanid", span1}, {"x-b3-parentspanid", parent1}, {"x-b3-flags", "1"}, {"x-b3-sampled", "1"}},
		"w3c":     {{"traceparent", "00-" + trace128 + "-" + span1 + "-01"}, {"tracestate", "a=b"}, {"baggage", "k=v"}},
		"jaeger":  {{"uber-trace-id", trace128 + ":" + span1 + ":0:1"}, {"uberctx-k", "v"}},
	}
	tr, _ := memory(t, sending(everyFormat))
	for format, l := range in {
		want, err := tr.Extract(opentracing.TextMap, l)
		if err != nil {
			t.Fatal(err)
		}
		for name, change := range map[string]func(string) string{"upper": strings.ToUpper, "canonical": http.CanonicalHeaderKey, "mixed": mixedCase} {
			var other lines
			for _, h := range l {
				other = append(other, [2]string{change(h[0]), h[1]})
			}
			have, err := tr.Extract(opentracing.TextMap, other)
			if err != nil {
				t.Fatalf("%s in %s case: %v", format, name, err)
			}
			if diff := cmp.Diff(inject(t, tr, want), inject(t, tr, have)); diff != "" {
				t.Errorf("%s in %s case: -lower +other\n%s", format, name, diff)
			}
		}
	}
}

func mixedCase(s string) string {
	b := []byte(s)
	for i := 0; i < len(b); i += 2 {
		b[i] = strings.ToUpper(s[i : i+1])[0]
	}
	return string(b)
}

// go-kit's own options carry a context over gRPC metadata and over HTTP headers; after malformed ones a new trace begins, in
// which nothing of them is sent.
func TestOverGoKitCarriers(t *testing.T) {
	const secret = "deadbeefdeadbeef"
	bad := map[string]string{
		"traceparent": "00-" + secret, "tracestate": secret, "b3": secret, "x-b3-traceid": secret, "x-b3-sampled": secret,
		"uber-trace-id": secret, "baggage": secret, "uberctx- x": secret,
	}
	tr, _ := memory(t, sending(everyFormat))
	root := tr.StartSpan("client").SetBaggageItem("user", "ann")
	ctx := opentracing.ContextWithSpan(context.Background(), root)
	nop := log.NewNopLogger()

	md := metadata.MD{}
	kitot.ContextToGRPC(tr, nop)(ctx, &md)
	req, err := http.NewRequest(http.MethodGet, "http://127.0.0.1/", nil)
	if err != nil {
		t.Fatal(err)
	}
	kitot.ContextToHTTP(tr, nop)(ctx, req)
	for name, ctx := range map[string]context.Context{
		"gRPC": kitot.GRPCToContext(tr, "server", nop)(context.Background(), md),
		"HTTP": kitot.HTTPToContext(tr, "server", nop)(context.Background(), req),
	} {
		server := opentracing.SpanFromContext(ctx)
		traces := [2]string{server.Context().(*tracer.SpanContext).TraceID(), root.Context().(*tracer.SpanContext).TraceID()}
		if traces[0] != traces[1] || server.BaggageItem("user") != "ann" {
			t.Errorf("%s: have traces %v and baggage %q", name, traces, server.BaggageItem("user"))
		}
	}

	header := http.Header{}
	for k, v := range bad {
		md.Set(k, v)
		header.Set(k, v)
	}
	delete(md, "x-b3-spanid")
	delete(md, "x-b3-parentspanid")
	before := tracer.Malformed(tr)
	for name, ctx := range map[string]context.Context{
		"gRPC": kitot.GRPCToContext(tr, "server", nop)(context.Background(), md),
		"HTTP": kitot.HTTPToContext(tr, "server", nop)(context.Background(), &http.Request{Header: header, URL: req.URL}),
	} {
		out := inject(t, tr, opentracing.SpanFromContext(ctx).Context())
		if len(out["traceparent"]) != 55 || strings.Contains(fmt.Sprint(out), secret) {
			t.Errorf("%s: after malformed headers have %v sent, want a new trace", name, out)
		}
	}
	if have := tracer.Malformed(tr) - before; have != 12 {
		t.Errorf("have %d counted as malformed, want six headers twice: b3, X-B3, traceparent, uber-trace-id, baggage, uberctx", have)
	}
}

func TestUnknownFormatsAndCarriers(t *testing.T) {
	tr, _ := memory(t, nil)
	sc := tr.StartSpan("x").Context()
	for _, format := range []opentracing.BuiltinFormat{opentracing.TextMap, opentracing.HTTPHeaders, opentracing.Binary} {
		if err := tr.Inject(sc, format, 1); !errors.Is(err, opentracing.ErrInvalidCarrier) {
			t.Errorf("inject: have %v", err)
		}
		if _, err := tr.Extract(format, 1); !errors.Is(err, opentracing.ErrInvalidCarrier) {
			t.Errorf("extract: have %v", err)
		}
	}
	if _, err := tr.Extract("other", lines{}); !errors.Is(err, opentracing.ErrUnsupportedFormat) {
		t.Errorf("have %v", err)
	}
	for _, sc := range []opentracing.SpanContext{nil, (*tracer.SpanContext)(nil), opentracing.NoopTracer{}.StartSpan("x").Context()} {
		if err := tr.Inject(sc, opentracing.TextMap, opentracing.TextMapCarrier{}); !errors.Is(err, opentracing.ErrInvalidSpanContext) {
			t.Errorf("have %v", err)
		}
	}
}

package tracer_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	kitot "github.com/go-kit/kit/tracing/opentracing"
	"github.com/google/go-cmp/cmp"
	"github.com/opentracing/opentracing-go"
	"google.golang.org/grpc/metadata"

	"bookservice/tracer"
)

// TestInjectSendsW3CAndB3MultiByDefault checks all headers that a service sends on.
func TestInjectSendsW3CAndB3MultiByDefault(t *testing.T) {
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

// TestPrecedenceOfFormats extracts headers of several formats.
func TestPrecedenceOfFormats(t *testing.T) {
	const (
		same   = trace128 + "-" + span1
		jaeger = trace128 + ":" + span1
		five   = "0000000000000005"
	)
	b3, w3c := [2]string{"b3", same + "-1"}, [2]string{"traceparent", w3cParent}
	multi := lines{{"x-b3-traceid", trace64}, {"x-b3-spanid", "2"}, {"x-b3-sampled", "1"}}
	uber := [2]string{"uber-trace-id", "5:6:0:1"}
	for name, test := range map[string]struct {
		in              lines
		trace, decision string
	}{
		"b3 first":           {append(lines{uber, w3c, b3}, multi...), trace128, "1"},
		"then X-B3":          {append(lines{uber, w3c}, multi...), trace64, "1"},
		"then traceparent":   {lines{uber, w3c}, w3cTrace, "1"},
		"then uber-trace-id": {lines{uber}, five, "1"},
		"malformed b3":       {lines{{"b3", "x"}, w3c}, w3cTrace, "1"},
		"malformed X-B3": {
			lines{{"x-b3-traceid", "x"}, {"x-b3-spanid", "1"}, w3c}, w3cTrace, "1"},
		"malformed traceparent": {lines{{"traceparent", "x"}, uber}, five, "1"},
		"two traceparents":      {lines{w3c, {"traceparent", w3cDenied}, uber}, five, "1"},
		// A decision without ids applies to the ids of the next format.
		"deny, then traceparent": {lines{{"b3", "0"}, w3c}, w3cTrace, "0"},
		"debug, then traceparent": {
			lines{{"x-b3-flags", "1"}, {"traceparent", w3cDenied}}, w3cTrace, "d"},
		"deny, then uber-trace-id": {lines{{"b3", "0"}, uber}, five, "0"},
		// A later format about the same trace adds what the earlier one could not express.
		"undecided b3, accept": {
			lines{{"b3", same}, {"traceparent", "00-" + same + "-01"}}, trace128, "1"},
		"undecided b3, deny": {
			lines{{"b3", same}, {"traceparent", "00-" + same + "-00"}}, trace128, ""},
		"undecided b3, another trace": {lines{{"b3", same}, w3c}, trace128, ""},
		"undecided b3, a trace with the same end": {lines{{"b3", same},
			{"traceparent", "00-" + zeros16 + same[16:] + "-01"}}, trace128, ""},
		"b3 deny, accept": {
			lines{{"b3", same + "-0"}, {"traceparent", "00-" + same + "-01"}}, trace128, "0"},
		"b3 accept, deny": {
			lines{{"b3", same + "-1"}, {"traceparent", "00-" + same + "-00"}}, trace128, "1"},
		"b3 debug, accept": {
			lines{{"b3", same + "-d"}, {"traceparent", "00-" + same + "-01"}}, trace128, "d"},
		"traceparent accept, debug": {lines{{"traceparent", "00-" + same + "-01"},
			{"uber-trace-id", jaeger + ":0:3"}}, trace128, "d"},
		"traceparent deny, debug": {lines{{"traceparent", "00-" + same + "-00"},
			{"uber-trace-id", jaeger + ":0:3"}}, trace128, "0"},
		// The member b3 of tracestate.
		"debug of a denied trace": {lines{{"traceparent", w3cDenied},
			{"tracestate", "b3=" + w3cTrace + "-" + span1 + "-d"}}, w3cTrace, "0"},
		"debug of another trace": {lines{w3c, {"tracestate", "b3=" + same + "-d"}}, w3cTrace, "1"},
		"debug of the trace": {lines{w3c,
			{"tracestate", "a=1,b3=" + w3cTrace + "-" + span1 + "-d"}}, w3cTrace, "d"},
		"no debug": {lines{w3c,
			{"tracestate", "b3=" + w3cTrace + "-" + span1 + "-1"}}, w3cTrace, "1"},
		"debug beside a malformed member": {lines{w3c,
			{"tracestate", "b3=" + w3cTrace + "-" + span1 + "-d,B=1"}}, w3cTrace, "d"},
		"malformed debug": {lines{w3c, {"tracestate", "b3=" + w3cTrace + "-d"}}, w3cTrace, "1"},
	} {
		t.Run(name, func(t *testing.T) {
			tr, _ := memory(t, nil)
			sc := extract(t, tr, test.in)
			trace, decision := sc.(tracer.SpanContext).TraceID(), decisionOf(t, sc)
			if trace != test.trace || decision != test.decision {
				t.Errorf("have trace %s with decision %q, want %s with %q",
					trace, decision, test.trace, test.decision)
			}
		})
	}
}

// TestParentOfALaterFormat extracts a parent id that traceparent cannot express.
func TestParentOfALaterFormat(t *testing.T) {
	const jaeger = trace128 + ":" + span1 + ":" + parent1 + ":1"
	for traceparent, want := range map[string]string{
		"00-" + trace128 + "-" + span1 + "-01":  parent1,
		"00-" + trace128 + "-" + b3Span + "-01": "", // another span of the trace
	} {
		tr, _ := memory(t, nil)
		sc := extract(t, tr, lines{{"traceparent", traceparent}, {"uber-trace-id", jaeger}})
		if have := inject(t, tr, sc)["x-b3-parentspanid"]; have != want {
			t.Errorf("%s: have parent %q, want %q", traceparent, have, want)
		}
	}
}

// TestNoneSendsNothing injects neither a context nor baggage. Every format is still read.
func TestNoneSendsNothing(t *testing.T) {
	tr, _ := memory(t, injecting("none"))
	out, own := passOn(t, tr, lines{{"traceparent", w3cParent}, {"baggage", "k=v"}})
	if len(out) != 0 || own.TraceID() != w3cTrace {
		t.Errorf("have %v sent in trace %s", out, own.TraceID())
	}
}

// TestHeaderNamesAreCaseInsensitive extracts headers whose names are in different cases.
func TestHeaderNamesAreCaseInsensitive(t *testing.T) {
	in := map[string]lines{
		"b3": {{"b3", trace128 + "-" + span1 + "-1"}},
		"b3multi": {{"x-b3-traceid", trace128}, {"x-b3-spanid", span1},
			{"x-b3-parentspanid", parent1}, {"x-b3-flags", "1"}, {"x-b3-sampled", "1"}},
		"w3c": {{"traceparent", "00-" + trace128 + "-" + span1 + "-01"}, {"tracestate", "a=b"},
			{"baggage", "k=v"}},
		"jaeger": {{"uber-trace-id", trace128 + ":" + span1 + ":0:1"}, {"uberctx-k", "v"}},
	}
	tr, _ := memory(t, injecting(everyFormat))
	for format, l := range in {
		want := extract(t, tr, l)
		for name, change := range map[string]func(string) string{
			"upper": strings.ToUpper, "canonical": http.CanonicalHeaderKey, "mixed": mixedCase,
		} {
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

// TestMalformedHeadersAreNeverPassedOn propagates a context with go-kit's options over gRPC
// metadata and HTTP headers. After malformed headers, a new trace begins that has nothing of them.
func TestMalformedHeadersAreNeverPassedOn(t *testing.T) {
	const malformed = "deadbeefdeadbeef"
	tr, _ := memory(t, injecting(everyFormat))
	root := tr.StartSpan("client").SetBaggageItem("user", "ann")
	ctx := opentracing.ContextWithSpan(context.Background(), root)

	md := metadata.MD{}
	kitot.ContextToGRPC(tr, nop)(ctx, &md)
	req, err := http.NewRequest(http.MethodGet, "http://127.0.0.1/", nil)
	if err != nil {
		t.Fatal(err)
	}
	kitot.ContextToHTTP(tr, nop)(ctx, req)
	fromGRPC := func(md metadata.MD) opentracing.Span {
		ctx := kitot.GRPCToContext(tr, "server", nop)(context.Background(), md)
		return opentracing.SpanFromContext(ctx)
	}
	fromHTTP := func(h http.Header) opentracing.Span {
		r := &http.Request{Header: h, URL: req.URL}
		ctx := kitot.HTTPToContext(tr, "server", nop)(context.Background(), r)
		return opentracing.SpanFromContext(ctx)
	}
	for name, server := range map[string]opentracing.Span{
		"gRPC": fromGRPC(md), "HTTP": fromHTTP(req.Header),
	} {
		have := server.Context().(tracer.SpanContext).TraceID()
		want := root.Context().(tracer.SpanContext).TraceID()
		if have != want || server.BaggageItem("user") != "ann" {
			t.Errorf("%s: have trace %s and baggage %q, want trace %s",
				name, have, server.BaggageItem("user"), want)
		}
	}

	md, header := metadata.MD{}, http.Header{}
	for key, value := range map[string]string{
		"traceparent": "00-" + malformed, "tracestate": malformed, "b3": malformed,
		"x-b3-traceid": malformed, "x-b3-sampled": malformed, "uber-trace-id": malformed,
		"baggage": malformed, "uberctx- x": malformed,
	} {
		md.Set(key, value)
		header.Set(key, value)
	}
	before := tracer.Malformed(tr)
	for name, server := range map[string]opentracing.Span{
		"gRPC": fromGRPC(md), "HTTP": fromHTTP(header),
	} {
		out := inject(t, tr, server.Context())
		if len(out["traceparent"]) != 55 || strings.Contains(fmt.Sprint(out), malformed) {
			t.Errorf("%s: have %v sent, want a new trace", name, out)
		}
	}
	if have := tracer.Malformed(tr) - before; have != 12 {
		t.Errorf("have %d headers counted as malformed, want six twice: "+
			"b3, X-B3, traceparent, uber-trace-id, baggage, uberctx", have)
	}
}

// TestUnknownFormatsAndCarriers checks the errors of Inject and Extract.
func TestUnknownFormatsAndCarriers(t *testing.T) {
	tr, _ := memory(t, nil)
	sc := tr.StartSpan("x").Context()
	for _, format := range []opentracing.BuiltinFormat{
		opentracing.TextMap, opentracing.HTTPHeaders, opentracing.Binary,
	} {
		if err := tr.Inject(sc, format, 1); !errors.Is(err, opentracing.ErrInvalidCarrier) {
			t.Errorf("Inject: have %v", err)
		}
		if _, err := tr.Extract(format, 1); !errors.Is(err, opentracing.ErrInvalidCarrier) {
			t.Errorf("Extract: have %v", err)
		}
	}
	if _, err := tr.Extract("other", lines{}); !errors.Is(err, opentracing.ErrUnsupportedFormat) {
		t.Errorf("Extract: have %v", err)
	}
	carrier := opentracing.TextMapCarrier{}
	if err := tr.Inject(sc, "other", carrier); !errors.Is(err, opentracing.ErrUnsupportedFormat) {
		t.Errorf("Inject: have %v", err)
	}
	noop := opentracing.NoopTracer{}.StartSpan("x").Context()
	for _, sc := range []opentracing.SpanContext{nil, (tracer.SpanContext)(nil), noop} {
		err := tr.Inject(sc, opentracing.TextMap, carrier)
		if !errors.Is(err, opentracing.ErrInvalidSpanContext) || len(carrier) > 0 {
			t.Errorf("Inject: have %v and %v", err, carrier)
		}
	}
}

// failingCarrier is a carrier that cannot be read.
type failingCarrier struct{}

func (failingCarrier) ForeachKey(func(key, value string) error) error {
	return errors.New("no paper")
}

// TestCarrierThatFailsIsCorrupted extracts from a carrier that returns an error.
func TestCarrierThatFailsIsCorrupted(t *testing.T) {
	tr, _ := memory(t, nil)
	sc, err := tr.Extract(opentracing.TextMap, failingCarrier{})
	if sc != nil || !errors.Is(err, opentracing.ErrSpanContextCorrupted) ||
		tracer.Malformed(tr) != 1 {
		t.Errorf("have %v, %v and %d counted, want it corrupted", sc, err, tracer.Malformed(tr))
	}
}

// TestExtractedHeadersDoNotLeakIntoLaterContexts extracts many headers, then few: extractors are
// reused.
func TestExtractedHeadersDoNotLeakIntoLaterContexts(t *testing.T) {
	tr, _ := memory(t, injecting(everyFormat))
	for range 100 {
		_ = extract(t, tr, lines{
			{"b3", "0"}, {"x-b3-traceid", trace128}, {"x-b3-spanid", span1},
			{"x-b3-parentspanid", parent1}, {"x-b3-flags", "1"}, {"x-b3-sampled", "1"},
			{"traceparent", w3cParent}, {"tracestate", "a=b"}, {"baggage", "k=v"},
			{"uberctx-user", "ann"}, {"uber-trace-id", "5:6:7:3"},
		})
		sc := extract(t, tr, lines{{"uber-trace-id", trace128 + ":" + span1 + ":0:1"}})
		want := opentracing.TextMapCarrier{
			"b3": trace128 + "-" + span1 + "-1", "uber-trace-id": trace128 + ":" + span1 + ":0:1",
			"traceparent": "00-" + trace128 + "-" + span1 + "-01", "x-b3-traceid": trace128,
			"x-b3-spanid": span1, "x-b3-sampled": "1",
		}
		if diff := cmp.Diff(want, inject(t, tr, sc)); diff != "" {
			t.Fatalf("-want +have\n%s", diff)
		}
	}
}

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
	"google.golang.org/grpc/metadata"

	"bookservice/tracer"
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
		"debug of a denied trace":    {lines{{"traceparent", w3cDenied}, {"tracestate", "b3=" + w3cTrace + "-" + span1 + "-d"}}, w3cTrace, "0"},
		"debug of another trace":     {lines{w3c, {"tracestate", "b3=" + same + "-d"}}, w3cTrace, "1"},
		"debug in a bad tracestate":  {lines{w3c, {"tracestate", "b3=" + w3cTrace + "-" + span1 + "-d,B=1"}}, w3cTrace, "1"},
	} {
		t.Run(name, func(t *testing.T) {
			tr, _ := memory(t, nil)
			sc, err := tr.Extract(opentracing.TextMap, test.in)
			if err != nil {
				t.Fatal(err)
			}
			if have := sc.(tracer.SpanContext).TraceID(); have != test.trace || decisionOf(t, sc) != test.state {
				t.Errorf("have trace %s with decision %q, want %s with %q", have, decisionOf(t, sc), test.trace, test.state)
			}
		})
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
		traces := [2]string{server.Context().(tracer.SpanContext).TraceID(), root.Context().(tracer.SpanContext).TraceID()}
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
	for _, sc := range []opentracing.SpanContext{nil, (tracer.SpanContext)(nil), opentracing.NoopTracer{}.StartSpan("x").Context()} {
		if err := tr.Inject(sc, opentracing.TextMap, opentracing.TextMapCarrier{}); !errors.Is(err, opentracing.ErrInvalidSpanContext) {
			t.Errorf("have %v", err)
		}
	}
}

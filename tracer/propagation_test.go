package tracer_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opentracing/opentracing-go"

	"bookservice/tracer"
)

const (
	trace128 = "463ac35c9f6413ad48485a3953bb6124"
	trace64  = "48485a3953bb6124"
	span1    = "a2fb4a1d1a96d312"
	parent1  = "0020000000000001"
)

func TestExtract(t *testing.T) {
	for name, test := range map[string]struct {
		headers     map[string]string
		trace, span string
		state       string // what a child injects: X-B3-Sampled, or "d"; "sampler" if nothing was decided
		err         error
	}{
		"nothing":           {headers: nil, err: opentracing.ErrSpanContextNotFound},
		"unrelated":         {headers: map[string]string{"user-agent": "x", "b4": "1"}, err: opentracing.ErrSpanContextNotFound},
		"b3":                {map[string]string{"b3": trace128 + "-" + span1 + "-1"}, trace128, span1, "1", nil},
		"b3 64 bits":        {map[string]string{"B3": trace64 + "-" + span1 + "-1-" + parent1}, trace64, span1, "1", nil},
		"b3 deny with ids":  {map[string]string{"b3": trace128 + "-" + span1 + "-0"}, trace128, span1, "0", nil},
		"b3 debug":          {map[string]string{"b3": trace128 + "-" + span1 + "-d"}, trace128, span1, "d", nil},
		"b3 undecided":      {map[string]string{"b3": trace128 + "-" + span1}, trace128, span1, "1", nil},
		"b3 deny alone":     {map[string]string{"b3": "0"}, "", "", "0", nil},
		"b3 garbage":        {headers: map[string]string{"b3": "garbage"}, err: opentracing.ErrSpanContextCorrupted},
		"b3 zero span":      {headers: map[string]string{"b3": trace128 + "-0000000000000000-1"}, err: opentracing.ErrSpanContextCorrupted},
		"b3 underscore":     {headers: map[string]string{"b3": trace128 + "-a2fb_a1d1a96d312-1"}, err: opentracing.ErrSpanContextCorrupted},
		"multi":             {map[string]string{"X-B3-TraceId": trace128, "X-B3-SpanId": span1, "X-B3-Sampled": "1"}, trace128, span1, "1", nil},
		"multi true":        {map[string]string{"x-b3-traceid": trace64, "x-b3-spanid": span1, "x-b3-sampled": "true"}, trace64, span1, "1", nil},
		"multi flags":       {map[string]string{"x-b3-traceid": trace64, "x-b3-spanid": span1, "x-b3-flags": "1"}, trace64, span1, "d", nil},
		"multi deny alone":  {map[string]string{"X-B3-Sampled": "0"}, "", "", "0", nil},
		"multi half":        {headers: map[string]string{"X-B3-TraceId": trace128}, err: opentracing.ErrSpanContextCorrupted},
		"w3c":               {map[string]string{"traceparent": "00-" + trace128 + "-" + span1 + "-01"}, trace128, span1, "1", nil},
		"w3c deny":          {map[string]string{"traceparent": "00-" + trace128 + "-" + span1 + "-00"}, trace128, span1, "0", nil},
		"w3c later version": {map[string]string{"traceparent": "cc-" + trace128 + "-" + span1 + "-01-what"}, trace128, span1, "1", nil},
		"w3c ff":            {headers: map[string]string{"traceparent": "ff-" + trace128 + "-" + span1 + "-01"}, err: opentracing.ErrSpanContextCorrupted},
		"w3c too long":      {headers: map[string]string{"traceparent": "00-" + trace128 + "-" + span1 + "-01-"}, err: opentracing.ErrSpanContextCorrupted},
		"w3c upper case":    {headers: map[string]string{"traceparent": "00-" + trace128 + "-A2FB4A1D1A96D312-01"}, err: opentracing.ErrSpanContextCorrupted},
		"bad b3, good w3c":  {map[string]string{"b3": "x", "traceparent": "00-" + trace128 + "-" + span1 + "-01"}, trace128, span1, "1", nil},
		"b3 deny over w3c":  {map[string]string{"b3": "0", "traceparent": "00-" + trace128 + "-" + span1 + "-01"}, trace128, span1, "0", nil},
	} {
		t.Run(name, func(t *testing.T) {
			tr, _ := memory(t, nil)
			header := http.Header{}
			for k, v := range test.headers {
				header.Set(k, v)
			}
			for _, carrier := range []any{opentracing.TextMapCarrier(test.headers), opentracing.HTTPHeadersCarrier(header)} {
				sc, err := tr.Extract(opentracing.TextMap, carrier)
				if !errors.Is(err, test.err) || (err != nil) != (sc == nil) {
					t.Fatalf("have %v, %v, want error %v", sc, err, test.err)
				}
				if err != nil {
					continue
				}
				c := sc.(*tracer.SpanContext)
				if c.TraceID() != test.trace || c.SpanID() != test.span {
					t.Errorf("have %s %s, want %s %s", c.TraceID(), c.SpanID(), test.trace, test.span)
				}
				out := opentracing.TextMapCarrier{}
				child := tr.StartSpan("child", opentracing.ChildOf(sc))
				if err := tr.Inject(child.Context(), opentracing.TextMap, out); err != nil {
					t.Fatal(err)
				}
				state := out["x-b3-sampled"]
				if out["x-b3-flags"] == "1" {
					state = "d"
				}
				if state != test.state {
					t.Errorf("have decision %q, want %q (%v)", state, test.state, out)
				}
				if out["x-b3-parentspanid"] != test.span {
					t.Errorf("have parent %q, want %q", out["x-b3-parentspanid"], test.span)
				}
			}
		})
	}
}

func TestInject(t *testing.T) {
	tr, _ := memory(t, nil)
	in := opentracing.TextMapCarrier{
		"traceparent": "00-" + trace128 + "-" + span1 + "-01",
		"tracestate":  "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE",
	}
	sc, err := tr.Extract(opentracing.TextMap, in)
	if err != nil {
		t.Fatal(err)
	}
	child := tr.StartSpan("child", opentracing.ChildOf(sc))
	id := child.Context().(*tracer.SpanContext).SpanID()
	out := opentracing.TextMapCarrier{}
	if err := tr.Inject(child.Context(), opentracing.TextMap, out); err != nil {
		t.Fatal(err)
	}
	want := opentracing.TextMapCarrier{
		"traceparent":       "00-" + trace128 + "-" + id + "-01",
		"tracestate":        in["tracestate"],
		"x-b3-traceid":      trace128,
		"x-b3-spanid":       id,
		"x-b3-parentspanid": span1,
		"x-b3-sampled":      "1",
	}
	if diff := cmp.Diff(want, out); diff != "" {
		t.Errorf("-want +have\n%s", diff)
	}
}

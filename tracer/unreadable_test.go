package tracer_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"

	"bookservice/tracer"
)

// An unreadable parent is a header of one of the formats in which an id, other than the trace id,
// cannot be read.
type unreadable struct {
	in   lines
	span string // that could be read, or ""
}

// unreadableParents has traces trace128.
func unreadableParents() map[string]unreadable {
	const b3, uber = trace128 + "-", trace128 + ":"
	multi := func(pairs ...string) lines {
		return b3Multi(append([]string{"TraceId", trace128, "Sampled", "1"}, pairs...)...)
	}
	return map[string]unreadable{
		"X-B3, span undefined":   {multi("SpanId", "undefined"), ""},
		"X-B3, span null":        {multi("SpanId", "null", "ParentSpanId", parent1), ""},
		"X-B3, long span":        {multi("SpanId", "0"+span1), ""},
		"X-B3, span of zeros":    {multi("SpanId", zeros16), ""},
		"X-B3, span 0":           {multi("SpanId", "0"), ""},
		"X-B3, two spans":        {multi("SpanId", span1, "SpanId", parent1), ""},
		"X-B3, parent undefined": {multi("SpanId", span1, "ParentSpanId", "undefined"), span1},
		"X-B3, long parent":      {multi("SpanId", span1, "ParentSpanId", "0"+parent1), span1},
		"X-B3, two parents": {multi("SpanId", span1, "ParentSpanId", "1",
			"ParentSpanId", "2"), span1},
		"b3, span undefined":      {lines{{"b3", b3 + "undefined-1"}}, ""},
		"b3, short span":          {lines{{"b3", b3 + span1[1:] + "-1"}}, ""},
		"b3, long span":           {lines{{"b3", b3 + "0" + span1 + "-1"}}, ""},
		"b3, span of zeros":       {lines{{"b3", b3 + zeros16 + "-1-" + parent1}}, ""},
		"b3, no hexadecimal span": {lines{{"b3", b3 + span1[:15] + "g-1"}}, ""},
		"b3, parent undefined":    {lines{{"b3", b3 + span1 + "-1-undefined"}}, span1},
		"b3, empty parent":        {lines{{"b3", b3 + span1 + "-1-"}}, span1},
		"b3, short parent":        {lines{{"b3", b3 + span1 + "-1-" + parent1[1:]}}, span1},
		"b3, long parent":         {lines{{"b3", b3 + span1 + "-1-0" + parent1}}, span1},
		"uber, span undefined":    {lines{{"uber-trace-id", uber + "undefined:0:1"}}, ""},
		"uber, span of zeros":     {lines{{"uber-trace-id", uber + "0:0:1"}}, ""},
		"uber, long span":         {lines{{"uber-trace-id", uber + "0" + span1 + ":0:1"}}, ""},
		"uber, parent undefined":  {lines{{"uber-trace-id", uber + span1 + ":undefined:1"}}, span1},
		"uber, empty parent":      {lines{{"uber-trace-id", uber + span1 + "::1"}}, span1},
		"uber, both":              {lines{{"uber-trace-id", uber + "x:y:1"}}, ""},
		"grpc-trace-bin, no span": {lines{{"grpc-trace-bin", censusOf(trace128, zeros16, 1)}}, ""},
		"grpc-trace-bin in base64": {lines{{"grpc-trace-bin",
			base64.StdEncoding.EncodeToString([]byte(censusOf(trace128, zeros16, 1)))}}, ""},
	}
}

// TestUnreadableParentCostsTheParentAndNotTheTrace extracts headers in which a span id or a parent
// id cannot be read. The service's span belongs to the trace, with the caller's decision. Its
// parent is the caller's span, if that could be read; otherwise it is a root: it names no parent
// that does not exist.
func TestUnreadableParentCostsTheParentAndNotTheTrace(t *testing.T) {
	for name, test := range unreadableParents() {
		t.Run(name, func(t *testing.T) {
			tr, spans := memory(t, func(c *tracer.Config) { c.Sampler.Kind = tracer.SamplerNever })
			sc, err := tr.Extract(opentracing.HTTPHeaders, test.in)
			if err != nil || tracer.Malformed(tr) != 1 {
				t.Fatalf("have %v and %d counted as malformed, want a context and 1",
					err, tracer.Malformed(tr))
			}
			checkWellFormed(t, inject(t, tr, sc))
			server := tr.StartSpan("server", ext.RPCServerOption(sc))
			out := inject(t, tr, server.Context())
			checkWellFormed(t, out)
			if out["x-b3-parentspanid"] != test.span {
				t.Errorf("have parent %q sent, want %q", out["x-b3-parentspanid"], test.span)
			}
			server.Finish()
			reported := spans.Spans()
			if len(reported) != 1 || reported[0].TraceID.String() != trace128 {
				t.Fatalf("have %v reported, want one span of trace %s", reported, trace128)
			}
			var parent string
			if id := reported[0].ParentID; id != nil {
				parent = id.String()
			}
			if parent != test.span {
				t.Errorf("have parent %q reported, want %q", parent, test.span)
			}
		})
	}
}

// TestReadableFormatComesBeforeAnUnreadableParent extracts another format beside one in which the
// span id cannot be read. It gives the parent, whether or not it names the same trace.
func TestReadableFormatComesBeforeAnUnreadableParent(t *testing.T) {
	for name, test := range unreadableParents() {
		if test.span != "" {
			continue
		}
		for _, trace := range []string{trace128, w3cTrace} {
			tr, _ := memory(t, nil)
			in := append(lines{{"traceparent", "00-" + trace + "-" + b3Span + "-01"}}, test.in...)
			sc := extract(t, tr, in).(tracer.SpanContext)
			if sc.TraceID() != trace || sc.SpanID() != b3Span || !sc.Sampled() {
				t.Errorf("%s: have span %q of %q, want that of traceparent", name, sc.SpanID(),
					sc.TraceID())
			}
		}
	}
	t.Run("two unreadable parents", func(t *testing.T) {
		tr, _ := memory(t, nil)
		sc := extract(t, tr, lines{{"b3", trace128 + "-undefined-1"}, {"uber-trace-id", "5:x:0:0"}})
		if c := sc.(tracer.SpanContext); c.TraceID() != trace128 || !c.Sampled() {
			t.Errorf("have trace %q, sampled: %v, want that of b3", c.TraceID(), c.Sampled())
		}
	})
	t.Run("decision without ids", func(t *testing.T) {
		tr, _ := memory(t, nil)
		sc := extract(t, tr, append(lines{{"b3", "0"}, {"traceparent", w3cParent}},
			b3Multi("TraceId", trace128, "SpanId", "undefined", "Sampled", "1")...))
		if c := sc.(tracer.SpanContext); c.TraceID() != w3cTrace || c.Sampled() {
			t.Errorf("have trace %q, sampled: %v, want it denied", c.TraceID(), c.Sampled())
		}
	})
}

// TestUnreadableDecisionCostsTheDecision extracts X-B3 headers as a service sends them that
// forwards by hand headers that it has not received. The next sampler decides.
func TestUnreadableDecisionCostsTheDecision(t *testing.T) {
	for name, in := range map[string]lines{
		"undefined": b3MultiIDs("ParentSpanId", "undefined", "Sampled", "undefined",
			"Flags", "undefined"),
		"unknown word":       b3MultiIDs("Sampled", "maybe"),
		"two decisions, bad": b3MultiIDs("Sampled", "x", "Sampled", "1"),
	} {
		tr, _ := memory(t, injecting("b3"))
		sc := extract(t, tr, in)
		if have := inject(t, tr, sc)["b3"]; have != b3IDs || tracer.Malformed(tr) != 1 {
			t.Errorf("%s: have b3 %q and %d counted as malformed, want %q and 1", name, have,
				tracer.Malformed(tr), b3IDs)
		}
	}
}

// TestUnreadableTraceparentStartsATrace has the exception: W3C demands a new trace.
func TestUnreadableTraceparentStartsATrace(t *testing.T) {
	for _, span := range []string{
		"undefined", zeros16, span1[1:], "0" + span1, strings.ToUpper(span1),
	} {
		tr, _ := memory(t, nil)
		_, own := passOn(t, tr, lines{{"traceparent", "00-" + trace128 + "-" + span + "-01"}})
		if own.TraceID() == trace128 {
			t.Errorf("span id %s: the trace goes on, want a new one", span)
		}
	}
}

package tracer_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"

	"bookservice/tracer"
)

const (
	b3Trace  = "80f198ee56343ba864fe8b2a57d3eff7"
	b3Span   = "e457b5a2e4d86bd1"
	b3Parent = "05e3ac9a4f6e3b90"
	b3IDs    = b3Trace + "-" + b3Span
	b3Short  = "64fe8b2a57d3eff7-" + b3Span
	zeros16  = "0000000000000000"
)

// b3Multi returns X-B3 headers of name and value pairs.
func b3Multi(pairs ...string) (l lines) {
	for i := 0; i < len(pairs); i += 2 {
		l = append(l, [2]string{"X-B3-" + pairs[i], pairs[i+1]})
	}
	return l
}

// b3MultiIDs returns X-B3 headers with ids, followed by others.
func b3MultiIDs(pairs ...string) lines {
	return b3Multi(append([]string{"TraceId", b3Trace, "SpanId", b3Span}, pairs...)...)
}

// TestB3Single extracts values of the header b3, among them the examples of
// openzipkin/b3-propagation. want is the extracted context, injected as b3.
func TestB3Single(t *testing.T) {
	upper := strings.ToUpper(b3Trace) + "-" + b3Span + "-1"
	for value, want := range map[string]string{
		b3IDs + "-1-" + b3Parent: b3IDs + "-1-" + b3Parent,
		b3IDs + "-1":             b3IDs + "-1",
		b3IDs + "-d":             b3IDs + "-d",
		b3IDs + "-0":             b3IDs + "-0",
		b3IDs:                    b3IDs, // undecided
		b3Short + "-1":           b3Short + "-1",
		zeros16 + b3Short + "-1": b3Short + "-1",
		upper:                    b3IDs + "-1",
		"0":                      "0",
		"1":                      "1",
		"d":                      "d",
	} {
		t.Run(value, func(t *testing.T) { checkExtracted(t, lines{{"b3", value}}, want, nil) })
	}
	t.Run("empty", func(t *testing.T) {
		checkExtracted(t, lines{{"b3", ""}}, "", opentracing.ErrSpanContextNotFound)
	})
}

// TestMalformedB3Single extracts malformed values of the header b3.
func TestMalformedB3Single(t *testing.T) {
	for name, value := range map[string]string{
		"unknown decision alone":   "2",
		"no hyphen":                "b970dafd",
		"uuid":                     "b970dafd-0d95-41aa-95d8-1d8725aebe40",
		"trace id alone":           b3Trace,
		"trace id and hyphen":      b3Trace + "-",
		"short trace id":           b3IDs[1:],
		"long trace id":            "0" + b3IDs,
		"empty decision":           b3IDs + "-",
		"unknown decision":         b3IDs + "-f",
		"long decision":            b3IDs + "-true",
		"parent without decision":  b3IDs + "-" + b3Parent,
		"too many fields":          b3IDs + "-1-" + b3Parent + "-1",
		"trace id not hexadecimal": b3Trace[:31] + "g-" + b3Span + "-1",
		"trace id of zeros":        zeros16 + zeros16 + "-" + b3Span,
	} {
		t.Run(name, func(t *testing.T) {
			checkExtracted(t, lines{{"b3", value}}, "", opentracing.ErrSpanContextCorrupted)
		})
	}
	t.Run("two values", func(t *testing.T) {
		checkExtracted(t, lines{{"b3", b3IDs + "-1"}, {"b3", b3IDs + "-0"}}, "",
			opentracing.ErrSpanContextCorrupted)
	})
}

// TestB3Multi extracts X-B3 headers. want is the extracted context, injected as b3.
func TestB3Multi(t *testing.T) {
	const short = "0000000000000001-0000000000000002-1"
	for name, test := range map[string]struct {
		in   lines
		want string
	}{
		"accept and parent": {b3MultiIDs("ParentSpanId", b3Parent, "Sampled", "1"),
			b3IDs + "-1-" + b3Parent},
		"64 bits": {b3Multi("TraceId", b3Trace[16:], "SpanId", b3Span, "Sampled", "1"),
			b3Short + "-1"},
		"deny":                 {b3MultiIDs("Sampled", "0"), b3IDs + "-0"},
		"undecided":            {b3MultiIDs(), b3IDs},
		"debug":                {b3MultiIDs("Flags", "1"), b3IDs + "-d"},
		"debug before deny":    {b3MultiIDs("Flags", "1", "Sampled", "0"), b3IDs + "-d"},
		"debug as decision":    {b3MultiIDs("Sampled", "d"), b3IDs + "-d"},
		"flags, no debug":      {b3MultiIDs("Flags", "0", "Sampled", "1"), b3IDs + "-1"},
		"other flags":          {b3MultiIDs("Flags", "2"), b3IDs},
		"True":                 {b3MultiIDs("Sampled", "True"), b3IDs + "-1"},
		"false":                {b3MultiIDs("Sampled", "false"), b3IDs + "-0"},
		"first decision":       {b3MultiIDs("Sampled", "1", "Sampled", "0"), b3IDs + "-1"},
		"first flags":          {b3MultiIDs("Flags", "0", "Flags", "1"), b3IDs},
		"empty decision first": {b3MultiIDs("Sampled", "", "Sampled", "0"), b3IDs + "-0"},
		"short ids":            {b3Multi("TraceId", "1", "SpanId", "2", "Sampled", "1"), short},
		"parent of zeros":      {b3MultiIDs("ParentSpanId", zeros16, "Sampled", "1"), b3IDs + "-1"},
		"same ids twice":       {b3MultiIDs("TraceId", b3Trace, "SpanId", b3Span), b3IDs},
		"deny alone":           {b3Multi("Sampled", "0"), "0"},
		"debug alone":          {b3Multi("Flags", "1"), "d"},
		"single takes precedence": {append(lines{{"b3", b3IDs + "-0"}},
			b3Multi("TraceId", trace128, "SpanId", span1, "Sampled", "1")...), b3IDs + "-0"},
		"single's decision without ids": {append(lines{{"b3", "0"}},
			b3MultiIDs("Sampled", "1")...), b3IDs + "-0"},
		"malformed single": {append(lines{{"b3", "x"}}, b3MultiIDs("Sampled", "1")...),
			b3IDs + "-1"},
	} {
		t.Run(name, func(t *testing.T) { checkExtracted(t, test.in, test.want, nil) })
	}
	t.Run("flags alone, no debug", func(t *testing.T) {
		checkExtracted(t, b3Multi("Flags", "0"), "", opentracing.ErrSpanContextNotFound)
	})
}

// TestMalformedB3Multi extracts malformed X-B3 headers.
func TestMalformedB3Multi(t *testing.T) {
	for name, in := range map[string]lines{
		"no span id":     b3Multi("TraceId", b3Trace, "Sampled", "1"),
		"no trace id":    b3Multi("SpanId", b3Span),
		"parent alone":   b3Multi("ParentSpanId", b3Parent),
		"long trace id":  b3Multi("TraceId", "0"+b3Trace, "SpanId", b3Span),
		"ids of zeros":   b3Multi("TraceId", "0", "SpanId", "0"),
		"two trace ids":  b3MultiIDs("TraceId", b3Trace[16:]),
		"decision alone": b3Multi("Sampled", "maybe"),
		"long header":    b3Multi("TraceId", strings.Repeat("1", 513), "SpanId", b3Span),
	} {
		t.Run(name, func(t *testing.T) {
			checkExtracted(t, in, "", opentracing.ErrSpanContextCorrupted)
		})
	}
}

// checkExtracted extracts the headers. The context, injected as b3, must be want. Malformed headers
// must be counted.
func checkExtracted(t *testing.T, in lines, want string, wantErr error) {
	t.Helper()
	tr, _ := memory(t, injecting("b3"))
	sc, err := tr.Extract(opentracing.HTTPHeaders, in)
	if !errors.Is(err, wantErr) || (err != nil) != (sc == nil) {
		t.Fatalf("have %v and %v, want %v", sc, err, wantErr)
	}
	corrupted := errors.Is(err, opentracing.ErrSpanContextCorrupted)
	if corrupted != (tracer.Malformed(tr) > 0) && err != nil {
		t.Errorf("have %d malformed headers counted, with %v", tracer.Malformed(tr), err)
	}
	if err != nil {
		return
	}
	if have := inject(t, tr, sc)["b3"]; have != want {
		t.Errorf("have b3 %q, want %q", have, want)
	}
	trace, rest, ids := strings.Cut(want, "-")
	span, _, _ := strings.Cut(rest, "-")
	if !ids { // a decision alone
		trace = ""
	}
	if c := sc.(tracer.SpanContext); c.TraceID() != trace || c.SpanID() != span {
		t.Errorf("have span %s of trace %s, want %s of %s", c.SpanID(), c.TraceID(), span, trace)
	}
}

// TestSpanNeverSharesItsIDWithTheCaller continues the trace of a caller that expects the server to
// share its span id, as B3 allows. The server's span is a child.
func TestSpanNeverSharesItsIDWithTheCaller(t *testing.T) {
	tr, spans := memory(t, nil)
	sc := extract(t, tr, lines{{"b3", trace128 + "-" + span1 + "-1-" + parent1}})
	tr.StartSpan("server", ext.RPCServerOption(sc)).Finish()
	have := spans.Spans()
	if len(have) != 1 {
		t.Fatalf("have %d spans, want 1", len(have))
	}
	s := have[0]
	if s.TraceID.String() != trace128 || s.ParentID == nil || s.ParentID.String() != span1 ||
		s.ID.String() == span1 || s.Shared {
		t.Errorf("have span %v with parent %v of trace %v (shared: %v), want a child of %s of %s",
			s.ID, s.ParentID, s.TraceID, s.Shared, span1, trace128)
	}
}

// TestDecisionWithoutIDs injects a decision that was received without ids. Only B3 can express it.
// A span of the trace has ids, and sends no decision without them.
func TestDecisionWithoutIDs(t *testing.T) {
	for formats, want := range map[string]opentracing.TextMapCarrier{
		"b3":          {"b3": "0"},
		"b3multi":     {"x-b3-sampled": "0"},
		"b3,b3multi":  {"b3": "0", "x-b3-sampled": "0"},
		"w3c,jaeger":  {},
		"w3c,b3multi": {"x-b3-sampled": "0"},
	} {
		tr, _ := memory(t, injecting(formats))
		sc := extract(t, tr, lines{{"b3", "0"}})
		if diff := cmp.Diff(want, inject(t, tr, sc)); diff != "" {
			t.Errorf("%s: -want +have\n%s", formats, diff)
		}
		out, own := passOn(t, tr, lines{{"b3", "0"}})
		if _, sent := out["b3"]; own.TraceID() == "" || sent && out["b3"] == "0" {
			t.Errorf("%s: have child in trace %q, and sent %v", formats, own.TraceID(), out)
		}
	}
}

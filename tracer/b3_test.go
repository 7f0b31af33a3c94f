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

// TestB3 has the examples of openzipkin/b3-propagation, and what Zipkin's own readers refuse.
func TestB3(t *testing.T) {
	const (
		trace  = "80f198ee56343ba864fe8b2a57d3eff7"
		span   = "e457b5a2e4d86bd1"
		parent = "05e3ac9a4f6e3b90"
	)
	multi := func(kv ...string) (l lines) {
		for i := 0; i < len(kv); i += 2 {
			l = append(l, [2]string{"X-B3-" + kv[i], kv[i+1]})
		}
		return l
	}
	single := func(v string) lines { return lines{{"b3", v}} }
	bad, none := opentracing.ErrSpanContextCorrupted, opentracing.ErrSpanContextNotFound
	for name, test := range map[string]struct {
		in          lines
		trace, span string
		b3          string // the extracted context, injected as b3
		err         error
	}{
		"single, accept and parent":      {single(trace + "-" + span + "-1-" + parent), trace, span, trace + "-" + span + "-1-" + parent, nil},
		"single, accept":                 {single(trace + "-" + span + "-1"), trace, span, trace + "-" + span + "-1", nil},
		"single, debug":                  {single(trace + "-" + span + "-d"), trace, span, trace + "-" + span + "-d", nil},
		"single, deny":                   {single(trace + "-" + span + "-0"), trace, span, trace + "-" + span + "-0", nil},
		"single, deferred":               {single(trace + "-" + span), trace, span, trace + "-" + span, nil},
		"single, 64 bits":                {single(trace[16:] + "-" + span + "-1"), trace[16:], span, trace[16:] + "-" + span + "-1", nil},
		"single, 64 bits, padded":        {single("0000000000000000" + trace[16:] + "-" + span + "-1"), trace[16:], span, trace[16:] + "-" + span + "-1", nil},
		"single, upper case":             {single(strings.ToUpper(trace) + "-" + span + "-1"), trace, span, trace + "-" + span + "-1", nil},
		"single, only deny":              {single("0"), "", "", "0", nil},
		"single, only accept":            {single("1"), "", "", "1", nil},
		"single, only debug":             {single("d"), "", "", "d", nil},
		"single, empty":                  {in: single(""), err: none},
		"single, unknown state alone":    {in: single("2"), err: bad},
		"single, no hyphen":              {in: single("b970dafd"), err: bad},
		"single, a uuid":                 {in: single("b970dafd-0d95-41aa-95d8-1d8725aebe40"), err: bad},
		"single, trace id alone":         {in: single(trace), err: bad},
		"single, trace id and hyphen":    {in: single(trace + "-"), err: bad},
		"single, short trace id":         {in: single(trace[1:] + "-" + span), err: bad},
		"single, long trace id":          {in: single("0" + trace + "-" + span), err: bad},
		"single, short span id":          {in: single(trace + "-" + span[1:]), err: bad},
		"single, long span id":           {in: single(trace + "-0" + span), err: bad},
		"single, no state behind hyphen": {in: single(trace + "-" + span + "-"), err: bad},
		"single, unknown state":          {in: single(trace + "-" + span + "-f"), err: bad},
		"single, long state":             {in: single(trace + "-" + span + "-true"), err: bad},
		"single, parent without state":   {in: single(trace + "-" + span + "-" + parent), err: bad},
		"single, empty parent":           {in: single(trace + "-" + span + "-1-"), err: bad},
		"single, short parent":           {in: single(trace + "-" + span + "-1-" + parent[1:]), err: bad},
		"single, too many fields":        {in: single(trace + "-" + span + "-1-" + parent + "-1"), err: bad},
		"single, not hexadecimal":        {in: single(trace[:31] + "g-" + span + "-1"), err: bad},
		"single, zero trace id":          {in: single("00000000000000000000000000000000-" + span + "-1"), err: bad},
		"single, zero span id":           {in: single(trace + "-0000000000000000-1"), err: bad},
		"single, two different":          {in: append(single(trace+"-"+span+"-1"), single(trace+"-"+span+"-0")...), err: bad},

		"multi, accept and parent":   {multi("TraceId", trace, "SpanId", span, "ParentSpanId", parent, "Sampled", "1"), trace, span, trace + "-" + span + "-1-" + parent, nil},
		"multi, 64 bits":             {multi("TraceId", trace[16:], "SpanId", span, "Sampled", "1"), trace[16:], span, trace[16:] + "-" + span + "-1", nil},
		"multi, deny":                {multi("TraceId", trace, "SpanId", span, "Sampled", "0"), trace, span, trace + "-" + span + "-0", nil},
		"multi, deferred":            {multi("TraceId", trace, "SpanId", span), trace, span, trace + "-" + span, nil},
		"multi, debug":               {multi("TraceId", trace, "SpanId", span, "Flags", "1"), trace, span, trace + "-" + span + "-d", nil},
		"multi, debug over deny":     {multi("TraceId", trace, "SpanId", span, "Flags", "1", "Sampled", "0"), trace, span, trace + "-" + span + "-d", nil},
		"multi, flags without debug": {multi("TraceId", trace, "SpanId", span, "Flags", "0", "Sampled", "1"), trace, span, trace + "-" + span + "-1", nil},
		"multi, true":                {multi("TraceId", trace, "SpanId", span, "Sampled", "True"), trace, span, trace + "-" + span + "-1", nil},
		"multi, false":               {multi("TraceId", trace, "SpanId", span, "Sampled", "false"), trace, span, trace + "-" + span + "-0", nil},
		"multi, first state wins":    {multi("TraceId", trace, "SpanId", span, "Sampled", "1", "Sampled", "0"), trace, span, trace + "-" + span + "-1", nil},
		"multi, first flags win":     {multi("TraceId", trace, "SpanId", span, "Flags", "0", "Flags", "1"), trace, span, trace + "-" + span, nil},
		"multi, short ids":           {multi("TraceId", "1", "SpanId", "2", "Sampled", "1"), "0000000000000001", "0000000000000002", "0000000000000001-0000000000000002-1", nil},
		"multi, zero parent":         {multi("TraceId", trace, "SpanId", span, "ParentSpanId", "0000000000000000", "Sampled", "1"), trace, span, trace + "-" + span + "-1", nil},
		"multi, only deny":           {multi("Sampled", "0"), "", "", "0", nil},
		"multi, only debug":          {multi("Flags", "1"), "", "", "d", nil},
		"multi, nothing said":        {in: multi("Flags", "0"), err: none},
		"multi, unknown state":       {in: multi("TraceId", trace, "SpanId", span, "Sampled", "maybe"), err: bad},
		"multi, no span id":          {in: multi("TraceId", trace, "Sampled", "1"), err: bad},
		"multi, no trace id":         {in: multi("SpanId", span), err: bad},
		"multi, parent alone":        {in: multi("ParentSpanId", parent), err: bad},
		"multi, long trace id":       {in: multi("TraceId", "0"+trace, "SpanId", span), err: bad},
		"multi, long span id":        {in: multi("TraceId", trace, "SpanId", "0"+span), err: bad},
		"multi, bad parent":          {in: multi("TraceId", trace, "SpanId", span, "ParentSpanId", "x"), err: bad},
		"multi, long parent":         {in: multi("TraceId", trace, "SpanId", span, "ParentSpanId", "0"+parent), err: bad},
		"multi, zero ids":            {in: multi("TraceId", "0", "SpanId", "0"), err: bad},
		"multi, two trace ids":       {in: multi("TraceId", trace, "TraceId", trace[16:], "SpanId", span), err: bad},

		"single before multi":         {append(single(trace+"-"+span+"-0"), multi("TraceId", trace128, "SpanId", span1, "Sampled", "1")...), trace, span, trace + "-" + span + "-0", nil},
		"single's decision goes with": {append(single("0"), multi("TraceId", trace128, "SpanId", span1, "Sampled", "1")...), trace128, span1, trace128 + "-" + span1 + "-0", nil},
		"malformed single, good multi": {append(single("x"), multi("TraceId", trace128, "SpanId", span1, "Sampled", "1")...), trace128, span1,
			trace128 + "-" + span1 + "-1", nil},
	} {
		t.Run(name, func(t *testing.T) {
			tr, _ := memory(t, sending("b3"))
			checkExtracted(t, tr, test.in, test.trace, test.span, test.err)
			if sc, err := tr.Extract(opentracing.HTTPHeaders, test.in); err == nil {
				if have := inject(t, tr, sc)["b3"]; have != test.b3 {
					t.Errorf("have b3 %q, want %q", have, test.b3)
				}
			}
		})
	}
}

// checkExtracted checks what is extracted, and that the malformed are counted.
func checkExtracted(t *testing.T, tr opentracing.Tracer, in lines, trace, span string, want error) {
	t.Helper()
	sc, err := tr.Extract(opentracing.HTTPHeaders, in)
	if !errors.Is(err, want) || (err != nil) != (sc == nil) {
		t.Fatalf("have %v and %v, want %v", sc, err, want)
	}
	if errors.Is(err, opentracing.ErrSpanContextCorrupted) != (tracer.Malformed(tr) > 0) && err != nil {
		t.Errorf("have %d malformed, with %v", tracer.Malformed(tr), err)
	}
	if err != nil {
		return
	}
	if c := sc.(tracer.SpanContext); c.TraceID() != trace || c.SpanID() != span {
		t.Errorf("have span %s of trace %s, want %s of %s", c.SpanID(), c.TraceID(), span, trace)
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

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

// TestJaegerBaggageHeader extracts jaeger-baggage, a list that a person writes by hand. Its items
// come after those of the W3C header.
func TestJaegerBaggageHeader(t *testing.T) {
	for name, test := range map[string]struct {
		in        lines
		items     []string
		sent      string
		malformed bool
	}{
		"one item": {lines{{"jaeger-baggage", "k1=v1"}}, []string{"k1=v1"}, "k1=v1", false},
		"two items": {lines{{"Jaeger-Baggage", "k1=v1,k2=v2"}},
			[]string{"k1=v1", "k2=v2"}, "k1=v1,k2=v2", false},
		"white space": {lines{{"jaeger-baggage", " b=2 ,\t Key=a b ,"}}, []string{"b=2", "Key=a b"},
			"b=2,Key=a%20b", false},
		"two headers": {lines{{"jaeger-baggage", "b=2"}, {"jaeger-baggage", "a=1"}},
			[]string{"a=1", "b=2"}, "a=1,b=2", false},
		"encoded": {lines{{"jaeger-baggage", "city%3Dk%C3%B6ln+1%2Cb=2"}},
			[]string{"b=2", "city=köln 1"}, "b=2,city=k%C3%B6ln%201", false},
		"repeated key":   {lines{{"jaeger-baggage", "a=1,a=2"}}, []string{"a=2"}, "a=2", false},
		"no equals sign": {lines{{"jaeger-baggage", "a,b=2"}}, []string{"b=2"}, "b=2", true},
		"two equals signs": {lines{{"jaeger-baggage", "a=1=1,b=2"}},
			[]string{"b=2"}, "b=2", true},
		"malformed encoding": {lines{{"jaeger-baggage", "a=%zz,b=2"}}, nil, "", true},
		"malformed key": {lines{{"jaeger-baggage", "a b=1,c=2"}},
			[]string{"c=2"}, "c=2", true},
		"other baggage": {lines{{"jaeger-baggage", "a=1,b=1,c=1"}, {"uberctx-b", "2"},
			{"baggage", "C=3"}}, []string{"C=3", "a=1", "b=1"}, "C=3,a=1,b=1", false},
		"empty": {lines{{"jaeger-baggage", ""}}, nil, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			checkBaggage(t, test.in, test.items, test.sent, test.malformed)
		})
	}
}

// TestJaegerDebugIDStartsADebugTrace sends jaeger-debug-id to a service that records nothing else.
// The trace is recorded with debug, in this service and in those that it calls. Its first span has
// the text as a tag, and only that.
func TestJaegerDebugIDStartsADebugTrace(t *testing.T) {
	const id = "ticket 4711"
	for _, carrier := range []struct {
		format any
		value  string
	}{{opentracing.TextMap, id}, {opentracing.HTTPHeaders, "ticket+4711"},
		{opentracing.HTTPHeaders, " ticket%204711\t"}} {
		tr, spans := memory(t, func(c *tracer.Config) { c.Sampler.Kind = tracer.SamplerNever })
		sc, err := tr.Extract(carrier.format, lines{{"Jaeger-Debug-Id", carrier.value},
			{"Jaeger-Debug-Id", "another"}, {"baggage", "user=ann"}})
		if err != nil {
			t.Fatal(err)
		}
		if out := inject(t, tr, sc); len(out) != 2 || out["x-b3-flags"] != "1" ||
			out["baggage"] != "user=ann" {
			t.Errorf("have %v injected, want the decision debug and the baggage", out)
		}
		server := tr.StartSpan("server", ext.RPCServerOption(sc))
		client := tr.StartSpan("client", opentracing.ChildOf(server.Context()))
		out := inject(t, tr, client.Context())
		client.Finish()
		server.Finish()
		if out["x-b3-flags"] != "1" || out["baggage"] != "user=ann" ||
			out["jaeger-debug-id"] != "" {
			t.Errorf("have %v sent on, want debug and the baggage", out)
		}
		next := tr.StartSpan("next", ext.RPCServerOption(extract(t, tr, out)))
		next.Finish()
		have := map[string]string{}
		for _, s := range spans.Spans() {
			have[s.Name] = s.Tags["jaeger-debug-id"]
			if !s.Debug || s.TraceID.High == 0 || (s.ParentID == nil) != (s.Name == "server") {
				t.Errorf("have span %+v, want debug in one trace", s)
			}
		}
		want := map[string]string{"server": id, "client": "", "next": ""}
		if diff := cmp.Diff(want, have); diff != "" {
			t.Errorf("-want +have\n%s", diff)
		}
	}
}

// TestJaegerDebugIDBesidesOtherHeaders sends jaeger-debug-id with headers that name a trace or have
// a decision. As in Jaeger's clients, it has no effect on a trace that goes on.
func TestJaegerDebugIDBesidesOtherHeaders(t *testing.T) {
	debugID := [2]string{"jaeger-debug-id", "x"}
	for name, test := range map[string]struct {
		in       lines
		decision string
		tag      string
	}{
		"alone":                 {lines{debugID}, "d", "x"},
		"baggage":               {lines{debugID, {"baggage", "a=1"}}, "d", "x"},
		"traceparent":           {lines{debugID, {"traceparent", w3cParent}}, "1", ""},
		"denied trace":          {lines{debugID, {"traceparent", w3cDenied}}, "0", ""},
		"uber-trace-id":         {lines{{"uber-trace-id", "1:2:0:1"}, debugID}, "1", ""},
		"trace without a span":  {lines{{"uber-trace-id", "1:0:0:1"}, debugID}, "1", ""},
		"deny without ids":      {lines{debugID, {"b3", "0"}}, "0", ""},
		"accept without ids":    {lines{debugID, {"b3", "1"}}, "d", "x"},
		"malformed traceparent": {lines{debugID, {"traceparent", "x"}}, "d", "x"},
		"empty value first":     {lines{{"jaeger-debug-id", " "}, debugID}, "d", "x"},
		"long": {lines{{"jaeger-debug-id", strings.Repeat("ä", 5000)}}, "d",
			strings.Repeat("ä", 2048)},
		"not UTF-8": {lines{{"jaeger-debug-id", "a\xffb"}}, "d", "a\uFFFDb"},
	} {
		t.Run(name, func(t *testing.T) {
			tr, spans := memory(t, nil)
			sc := extract(t, tr, test.in)
			span := tr.StartSpan("server", ext.RPCServerOption(sc))
			span.Finish()
			if have := decisionOf(t, span.Context()); have != test.decision {
				t.Errorf("have decision %q of the span, want %q", have, test.decision)
			}
			var tag string
			for _, s := range spans.Spans() {
				tag = s.Tags["jaeger-debug-id"]
			}
			if tag != test.tag {
				t.Errorf("have tag %q, want %q", tag, test.tag)
			}
		})
	}
	t.Run("empty", func(t *testing.T) {
		tr, _ := memory(t, nil)
		sc, err := tr.Extract(opentracing.TextMap, lines{{"jaeger-debug-id", ""}})
		if sc != nil || !errors.Is(err, opentracing.ErrSpanContextNotFound) {
			t.Errorf("have %v and %v, want nothing found", sc, err)
		}
	})
}

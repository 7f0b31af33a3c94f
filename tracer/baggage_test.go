package tracer_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"

	"bookservice/tracer"
)

// baggageOf returns the items of a context in their order.
func baggageOf(sc opentracing.SpanContext) (items []string) {
	sc.ForeachBaggageItem(func(k, v string) bool {
		items = append(items, k+"="+v)
		return true
	})
	return items
}

// TestBaggageHeader reads the headers, and checks what is sent on.
func TestBaggageHeader(t *testing.T) {
	for name, test := range map[string]struct {
		in        lines
		items     []string
		sent      string
		malformed bool
	}{
		"one":                   {in: lines{{"baggage", "user=ann"}}, items: []string{"user=ann"}, sent: "user=ann"},
		"several":               {in: lines{{"baggage", "user=ann,city=rome"}}, items: []string{"user=ann", "city=rome"}, sent: "user=ann,city=rome"},
		"repeated headers":      {in: lines{{"baggage", "a=1"}, {"Baggage", "b=2"}, {"baggage", "a=3"}}, items: []string{"a=3", "b=2"}, sent: "a=3,b=2"},
		"encoded":               {in: lines{{"baggage", "city=k%C3%B6ln%2C%20am%20rhein"}}, items: []string{"city=köln, am rhein"}, sent: "city=k%C3%B6ln%2C%20am%20rhein"},
		"plus sign":             {in: lines{{"baggage", "sum=1+1"}}, items: []string{"sum=1+1"}, sent: "sum=1%2B1"},
		"equals sign":           {in: lines{{"baggage", "sum=1=1"}}, items: []string{"sum=1=1"}, sent: "sum=1=1"},
		"percent sign":          {in: lines{{"baggage", "share=5%25"}}, items: []string{"share=5%"}, sent: "share=5%25"},
		"key with percent":      {in: lines{{"baggage", "a%20b=1"}}, items: []string{"a%20b=1"}, sent: "a%20b=1"},
		"empty value":           {in: lines{{"baggage", "a="}}, items: []string{"a="}, sent: "a="},
		"white space":           {in: lines{{"baggage", " a\t=\t1 ,\tb = 2 "}}, items: []string{"a=1", "b=2"}, sent: "a=1,b=2"},
		"empty members":         {in: lines{{"baggage", ",a=1,,b=2,"}}, items: []string{"a=1", "b=2"}, sent: "a=1,b=2"},
		"empty":                 {in: lines{{"baggage", ""}}},
		"properties":            {in: lines{{"baggage", "a=1 ; ttl = 5 ;secret,b=2"}}, items: []string{"a=1", "b=2"}, sent: "a=1;ttl=5;secret,b=2"},
		"not UTF-8":             {in: lines{{"baggage", "a=%FF"}}, items: []string{"a=\uFFFD"}, sent: "a=%EF%BF%BD"},
		"keys differ in case":   {in: lines{{"baggage", "A=1,a=2"}}, items: []string{"A=1", "a=2"}, sent: "A=1,a=2"},
		"no equals sign":        {in: lines{{"baggage", "a=1,b"}}, malformed: true},
		"no key":                {in: lines{{"baggage", "=1"}}, malformed: true},
		"key with a space":      {in: lines{{"baggage", "a b=1"}}, malformed: true},
		"key beyond ASCII":      {in: lines{{"baggage", "ä=1"}}, malformed: true},
		"value with a space":    {in: lines{{"baggage", "a=1,b=1 2"}}, malformed: true},
		"value with a quote":    {in: lines{{"baggage", `a="1"`}}, malformed: true},
		"value beyond ASCII":    {in: lines{{"baggage", "a=ä"}}, malformed: true},
		"bad encoding":          {in: lines{{"baggage", "a=5%"}}, malformed: true},
		"empty property":        {in: lines{{"baggage", "a=1;"}}, malformed: true},
		"bad property":          {in: lines{{"baggage", "a=1;b c"}}, malformed: true},
		"jaeger's":              {in: lines{{"uberctx-User", "k%C3%B6ln+1"}}, items: []string{"user=köln 1"}, sent: "user=k%C3%B6ln%201"},
		"jaeger's, not encoded": {in: lines{{"uberctx-user", "5% köln"}}, items: []string{"user=5% köln"}, sent: "user=5%25%20k%C3%B6ln"},
		"brave's":               {in: lines{{"baggage-user", "a%20b+c"}}, items: []string{"user=a%20b+c"}, sent: "user=a%2520b%2Bc"},
		"opentracing's own":     {in: lines{{"Ot-Baggage-User", "ann"}}, items: []string{"user=ann"}, sent: "user=ann"},
		"prefix without a key":  {in: lines{{"uberctx-", "ann"}}},
		"prefix with a bad key": {in: lines{{"uberctx-a b", "ann"}, {"baggage-user", "ann"}}, items: []string{"user=ann"}, sent: "user=ann", malformed: true},
		"W3C's before prefixed": {in: lines{{"uberctx-user", "bob"}, {"baggage-city", "rome"}, {"baggage", "User=ann"}}, items: []string{"User=ann", "city=rome"}, sent: "User=ann,city=rome"},
	} {
		t.Run(name, func(t *testing.T) {
			tr, _ := memory(t, nil)
			out, own := passOn(t, tr, append(test.in, [2]string{"traceparent", w3cParent}))
			if diff := cmp.Diff(test.items, baggageOf(own)); diff != "" {
				t.Errorf("-want +have\n%s", diff)
			}
			if have, is := out["baggage"]; have != test.sent || is != (have != "") {
				t.Errorf("have %q sent, want %q", have, test.sent)
			}
			if have := tracer.Malformed(tr) > 0; have != test.malformed || own.TraceID() != w3cTrace {
				t.Errorf("have counted as malformed %v in trace %s, want %v in the caller's", have, own.TraceID(), test.malformed)
			}
		})
	}
}

// Outside of HTTP Jaeger sends its items as they are.
func TestJaegerBaggageAsText(t *testing.T) {
	tr, _ := memory(t, nil)
	sc, err := tr.Extract(opentracing.TextMap, opentracing.TextMapCarrier{"uberctx-sum": "1+1", "uberctx-share": "5%25"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"share=5%25", "sum=1+1"}, baggageOf(sc)); diff != "" {
		t.Errorf("-want +have\n%s", diff)
	}
}

// An item that is set leaves the rest of what is carried as it was, and earlier contexts too.
func TestBaggageIsSetOnACopy(t *testing.T) {
	for _, share := range []float64{0, 1} {
		tr, _ := memory(t, func(c *tracer.Config) { c.Propagation.Inject, c.Sample = "w3c", share })
		sc, err := tr.Extract(opentracing.TextMap, lines{{"traceparent", w3cParent}, {"tracestate", "foo=1"}, {"baggage", "a=1;p,b=2"}})
		if err != nil {
			t.Fatal(err)
		}
		span := tr.StartSpan("x", opentracing.ChildOf(sc))
		before := span.Context()
		span.SetBaggageItem("a", "3")
		if out := inject(t, tr, span.Context()); out["baggage"] != "b=2,a=3" || out["tracestate"] != "foo=1" {
			t.Errorf("have %v sent", out)
		}
		for _, sc := range []opentracing.SpanContext{sc, before} {
			if out := inject(t, tr, sc); out["baggage"] != "a=1;p,b=2" || out["tracestate"] != "foo=1" {
				t.Errorf("have %v sent with the context from before", out)
			}
		}
	}
}

// Baggage needs no trace: the trace that begins takes it along. So do those that nobody records.
func TestBaggageWithoutATrace(t *testing.T) {
	for _, share := range []float64{0, 1} {
		tr, _ := memory(t, func(c *tracer.Config) { c.Sample = share })
		out, own := passOn(t, tr, lines{{"baggage", "user=ann"}, {"traceparent", "malformed"}})
		if out["baggage"] != "user=ann" || own.TraceID() == "" || len(out["traceparent"]) != 55 {
			t.Errorf("share %v: have %v sent in trace %q", share, out, own.TraceID())
		}
	}
}

// Items that are not allowed are neither taken in, nor set, nor sent; a key's case makes no difference.
func TestBaggageAllowList(t *testing.T) {
	for _, share := range []float64{0, 1} {
		tr, _ := memory(t, func(c *tracer.Config) { c.Propagation.BaggageAllow, c.Sample = "user, Tenant", share })
		sc, err := tr.Extract(opentracing.TextMap, lines{{"baggage", "user=ann,secret=1"}, {"uberctx-tenant", "t"}, {"uberctx-other", "1"}})
		if err != nil {
			t.Fatal(err)
		}
		span := tr.StartSpan("x", opentracing.ChildOf(sc)).SetBaggageItem("password", "p").SetBaggageItem("USER", "bob")
		if have := inject(t, tr, span.Context())["baggage"]; have != "user=ann,tenant=t,USER=bob" || span.BaggageItem("password") != "" {
			t.Errorf("have %q sent, and %q", have, span.BaggageItem("password"))
		}
		if have := tracer.BaggageDropped(tr); have != 3 {
			t.Errorf("have %d counted as dropped, want 3", have)
		}
	}
}

// What goes beyond the limits is dropped and counted, whether it comes in or is set; what was there before stays.
func TestBaggageLimits(t *testing.T) {
	var many []string
	for i := range 70 {
		many = append(many, fmt.Sprintf("k%02d=v", i))
	}
	for _, share := range []float64{0, 1} {
		tr, _ := memory(t, func(c *tracer.Config) { c.Sample = share })
		sc, err := tr.Extract(opentracing.TextMap, lines{{"baggage", strings.Join(many, ",")}})
		if err != nil {
			t.Fatal(err)
		}
		if have := inject(t, tr, sc)["baggage"]; have != strings.Join(many[:64], ",") || tracer.BaggageDropped(tr) != 6 {
			t.Errorf("have %d dropped, and sent %s", tracer.BaggageDropped(tr), have)
		}
		span := tr.StartSpan("full", opentracing.ChildOf(sc)).SetBaggageItem("one more", "v").SetBaggageItem("onemore", "v").SetBaggageItem("k00", "w")
		if span.BaggageItem("onemore") != "" || span.BaggageItem("k00") != "w" || tracer.BaggageDropped(tr) != 8 {
			t.Errorf("have %q and %q, and %d dropped", span.BaggageItem("onemore"), span.BaggageItem("k00"), tracer.BaggageDropped(tr))
		}

		span = tr.StartSpan("long").SetBaggageItem("a", "1").SetBaggageItem("b", strings.Repeat("v", 8192-len("a=1,b=")))
		if have := len(inject(t, tr, span.Context())["baggage"]); have != 8192 {
			t.Errorf("have %d bytes sent, want 8192", have)
		}
		span.SetBaggageItem("c", "").SetBaggageItem("a", "22").SetBaggageItem("a", strings.Repeat("v", 1<<20))
		if span.BaggageItem("a") != "1" || span.BaggageItem("c") != "" || tracer.BaggageDropped(tr) != 11 {
			t.Errorf("have %q and %q, and %d dropped", span.BaggageItem("a"), span.BaggageItem("c"), tracer.BaggageDropped(tr))
		}
	}
	t.Run("none", func(t *testing.T) {
		tr, _ := memory(t, func(c *tracer.Config) { c.Propagation.BaggageMaxItems = 0 })
		out, own := passOn(t, tr, lines{{"baggage", "a=1"}, {"traceparent", w3cParent}})
		if _, is := out["baggage"]; is || own.TraceID() != w3cTrace {
			t.Errorf("have %v sent", out)
		}
	})
	t.Run("encoded", func(t *testing.T) {
		tr, _ := memory(t, func(c *tracer.Config) { c.Propagation.BaggageMaxBytes = 10 })
		span := tr.StartSpan("x").SetBaggageItem("a", "äää").SetBaggageItem("b", "12345678")
		if have := inject(t, tr, span.Context())["baggage"]; have != "b=12345678" {
			t.Errorf("have %q sent, want what fits once it is encoded", have)
		}
	})
}

// Chosen items are tags of each recorded span that has them; the service's own tags go before them, and an item never has
// the meaning that a tag of its name has.
func TestBaggageTags(t *testing.T) {
	tr, spans := memory(t, func(c *tracer.Config) { c.Propagation.BaggageTags = "user,tenant,sampling.priority,span.kind" })
	sc, err := tr.Extract(opentracing.TextMap, lines{{"traceparent", w3cParent}, {"baggage", "user=ann,city=rome,sampling.priority=0,span.kind=client"}})
	if err != nil {
		t.Fatal(err)
	}
	outer := tr.StartSpan("outer", opentracing.ChildOf(sc)).SetBaggageItem("tenant", "t")
	tr.StartSpan("inner", opentracing.ChildOf(outer.Context()), opentracing.Tag{Key: "user", Value: "own"}).Finish()
	outer.Finish()
	outer.SetBaggageItem("tenant", "late")
	want := map[string]map[string]string{
		"outer": {"user": "ann", "tenant": "t", "sampling.priority": "0", "span.kind": "client"},
		"inner": {"user": "own", "tenant": "t", "sampling.priority": "0", "span.kind": "client"},
	}
	have := map[string]map[string]string{}
	for _, s := range spans.Spans() {
		have[s.Name] = s.Tags
		if s.Kind != "" {
			t.Errorf("%s: have kind %q", s.Name, s.Kind)
		}
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("-want +have\n%s", diff)
	}
}

// An item that is set after Finish travels on, and is no tag any more: not even of a span that waits for the one above it.
func TestBaggageAfterFinishIsNoTag(t *testing.T) {
	tr, spans := memory(t, func(c *tracer.Config) { c.Propagation.BaggageTags = "user" })
	outer := tr.StartSpan("outer", ext.SpanKindRPCServer)
	inner := tr.StartSpan("inner", ext.SpanKindRPCServer, opentracing.ChildOf(outer.Context()))
	inner.Finish()
	inner.SetBaggageItem("user", "late")
	outer.Finish()
	for _, s := range spans.Spans() {
		if s.Tags["user"] != "" {
			t.Errorf("%s has the tag %q", s.Name, s.Tags["user"])
		}
	}
	if len(spans.Spans()) != 2 || inner.BaggageItem("user") != "late" {
		t.Errorf("have %d spans, and the item %q", len(spans.Spans()), inner.BaggageItem("user"))
	}
}

// Items may be set at once from everywhere; none is lost.
func TestBaggageConcurrently(t *testing.T) {
	for _, share := range []float64{0, 1} {
		tr, _ := memory(t, func(c *tracer.Config) { c.Sample = share })
		span := tr.StartSpan("x")
		var wg sync.WaitGroup
		for i := range 32 {
			wg.Go(func() { span.SetBaggageItem(fmt.Sprint("k", i), "v") })
		}
		wg.Wait()
		if have := len(baggageOf(span.Context())); have != 32 {
			t.Errorf("share %v: have %d items, want 32", share, have)
		}
	}
}

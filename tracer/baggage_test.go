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

// baggageOf returns the items of a context, in order.
func baggageOf(sc opentracing.SpanContext) (items []string) {
	sc.ForeachBaggageItem(func(k, v string) bool {
		items = append(items, k+"="+v)
		return true
	})
	return items
}

// ofShare sets the share of sampled traces.
func ofShare(share float64) func(*tracer.Config) {
	return func(c *tracer.Config) { c.Sample = share }
}

// TestBaggageHeader extracts baggage and injects it again.
func TestBaggageHeader(t *testing.T) {
	const octets = "a=!#$&'()*-./:<=>?@[]^_`{|}~"
	for name, test := range map[string]struct {
		headers string // of baggage, separated by "|"
		items   string // separated by "|"
		sent    string
	}{
		"one item":           {"user=ann", "user=ann", "user=ann"},
		"two items":          {"user=ann,city=rome", "user=ann|city=rome", "user=ann,city=rome"},
		"repeated header":    {"a=1|b=2|a=3", "a=3|b=2", "a=1,b=2,a=3"},
		"encoded":            {"c=k%C3%B6ln%2C%20rh", "c=köln, rh", "c=k%C3%B6ln%2C%20rh"},
		"plus sign":          {"sum=1+1", "sum=1+1", "sum=1+1"},
		"equals sign":        {"sum=1=1", "sum=1=1", "sum=1=1"},
		"percent sign":       {"share=5%25", "share=5%", "share=5%25"},
		"percent in the key": {"a%20b=1", "a%20b=1", "a%20b=1"},
		"empty value":        {"a=", "a=", "a="},
		"white space":        {" a  =1 , b = 2 ;c ", "a=1|b=2", "a  =1 , b = 2 ;c"},
		"tabs":               {" a\t=\t1 ,\tb = 2 ", "a=1|b=2", "a=1,b = 2"},
		"malformed encoding": {"a=5%,b=%zz,c=%4", "a=5%|b=%zz|c=%4", "a=5%,b=%zz,c=%4"},
		"repeated key":       {"a=1,b=2,a=3;p", "a=3|b=2", "a=1,b=2,a=3;p"},
		"empty members":      {",a=1,,b=2,", "a=1|b=2", "a=1,b=2"},
		"empty":              {"", "", ""},
		"properties": {"a=1 ; ttl = 5 ;secret,b=2", "a=1|b=2",
			"a=1 ; ttl = 5 ;secret,b=2"},
		"not UTF-8":           {"a=%FF", "a=\uFFFD", "a=%FF"},
		"keys differ in case": {"A=1,a=2", "A=1|a=2", "A=1,a=2"},
		"all octets":          {octets, octets, octets},
	} {
		t.Run(name, func(t *testing.T) {
			separator := "|"
			if name == "all octets" {
				separator = "\n"
			}
			var in lines
			for value := range strings.SplitSeq(test.headers, separator) {
				in = append(in, [2]string{"Baggage", value})
			}
			var items []string
			if test.items != "" {
				items = strings.Split(test.items, separator)
			}
			checkBaggage(t, in, items, test.sent, false)
		})
	}
}

// TestMalformedBaggageHeader extracts headers of which one member is malformed. Only that member is
// dropped.
func TestMalformedBaggageHeader(t *testing.T) {
	for name, header := range map[string]string{
		"no equals sign":          "b",
		"no key":                  "=1",
		"key with a space":        "a b=1",
		"key beyond ASCII":        "ä=1",
		"value with a space":      "b=1 2",
		"value with a quote":      `a="1"`,
		"value with a backslash":  `a=1\2`,
		"value beyond ASCII":      "a=ä",
		"value, not UTF-8":        "a=\xff",
		"value with DEL":          "a=\x7f",
		"empty property":          "a=1;",
		"property with a space":   "a=1;b c",
		"property without a key":  "a=1;=b",
		"property value, a quote": `a=1;b="c"`,
	} {
		t.Run(name, func(t *testing.T) {
			checkBaggage(t, lines{{"baggage", header}}, nil, "", true)
			checkBaggage(t, lines{{"baggage", "x=+ ;p ," + header + ",y=%ff"}},
				[]string{"x=+", "y=\uFFFD"}, "x=+ ;p,y=%ff", true)
		})
	}
}

// TestBaggagePrefixes extracts items from headers of their own: uberctx- (Jaeger), baggage- (Brave)
// and ot-baggage- (OpenTracing). The W3C header takes precedence.
func TestBaggagePrefixes(t *testing.T) {
	for name, test := range map[string]struct {
		in        lines
		items     []string
		sent      string
		malformed bool
	}{
		"Jaeger": {lines{{"uberctx-User", "k%C3%B6ln+1"}},
			[]string{"user=köln 1"}, "user=k%C3%B6ln%201", false},
		"Jaeger, not encoded": {lines{{"uberctx-user", "5% köln"}},
			[]string{"user=5% köln"}, "user=5%25%20k%C3%B6ln", false},
		"Brave": {lines{{"baggage-user", "a%20b+c"}},
			[]string{"user=a%20b+c"}, "user=a%2520b%2Bc", false},
		"OpenTracing": {lines{{"Ot-Baggage-User", "ann"}},
			[]string{"user=ann"}, "user=ann", false},
		"upper case": {lines{{"UBERCTX-A", "1"}, {"BAGGAGE-B", "2"}, {"OT-BAGGAGE-C", "3"}},
			[]string{"a=1", "b=2", "c=3"}, "a=1,b=2,c=3", false},
		"no key": {lines{{"uberctx-", "x"}, {"baggage-", "x"}, {"ot-baggage-", "x"}},
			nil, "", false},
		"other headers": {lines{{"uberctx_user", "x"}, {"user-agent", "x"}, {"origin-x-y-z", "x"}},
			nil, "", false},
		"malformed key": {lines{{"uberctx-a b", "ann"}, {"baggage-user", "ann"}},
			[]string{"user=ann"}, "user=ann", true},
		"W3C before prefixes": {
			lines{{"uberctx-user", "bob"}, {"baggage-city", "rome"}, {"baggage", "User=ann"}},
			[]string{"User=ann", "city=rome"}, "User=ann,city=rome", false,
		},
		"two prefixes, one key": {lines{{"uberctx-user", "ann"}, {"baggage-user", "bob"}},
			[]string{"user=bob"}, "user=bob", false},
	} {
		t.Run(name, func(t *testing.T) {
			checkBaggage(t, test.in, test.items, test.sent, test.malformed)
		})
	}
}

// checkBaggage checks the items of a child of the caller, the injected header, and whether a
// header is counted as malformed.
func checkBaggage(t *testing.T, in lines, items []string, sent string, malformed bool) {
	t.Helper()
	tr, _ := memory(t, nil)
	out, own := passOn(t, tr, append(in, [2]string{"traceparent", w3cParent}))
	if diff := cmp.Diff(items, baggageOf(own)); diff != "" {
		t.Errorf("-want +have\n%s", diff)
	}
	if have, isSent := out["baggage"]; have != sent || isSent != (have != "") {
		t.Errorf("have %q sent, want %q", have, sent)
	}
	if have := tracer.Malformed(tr) > 0; have != malformed || own.TraceID() != w3cTrace {
		t.Errorf("have counted as malformed: %v in trace %s, want %v in the caller's trace",
			have, own.TraceID(), malformed)
	}
}

// TestJaegerBaggageAsText extracts from a text map, for which Jaeger does not encode the values.
func TestJaegerBaggageAsText(t *testing.T) {
	tr, _ := memory(t, nil)
	sc := extract(t, tr, opentracing.TextMapCarrier{"uberctx-sum": "1+1", "uberctx-share": "5%25"})
	if diff := cmp.Diff([]string{"share=5%25", "sum=1+1"}, baggageOf(sc)); diff != "" {
		t.Errorf("-want +have\n%s", diff)
	}
}

// TestBaggageValuesAreEncoded sets values with characters that W3C Baggage does not allow.
func TestBaggageValuesAreEncoded(t *testing.T) {
	tr, _ := memory(t, nil)
	for value, want := range map[string]string{
		"a b": "a%20b", "a,b": "a%2Cb", "a;b": "a%3Bb", `a"b`: "a%22b", `a\b`: "a%5Cb",
		"a%b": "a%25b", "a+b": "a%2Bb", "ä": "%C3%A4", "\x00\x7f": "%00%7F", "a=b": "a=b",
		"\xff": "%EF%BF%BD",
	} {
		span := tr.StartSpan("x").SetBaggageItem("k", value)
		out := inject(t, tr, span.Context())
		if have := out["baggage"]; have != "k="+want {
			t.Errorf("%q: have %q, want %q", value, have, "k="+want)
		}
		again := extract(t, tr, out)
		valid := strings.ToValidUTF8(value, "\uFFFD")
		if have := baggageOf(again); len(have) != 1 || have[0] != "k="+valid {
			t.Errorf("%q: have %q extracted", value, have)
		}
		if have := span.BaggageItem("k"); have != valid {
			t.Errorf("%q: have item %q", value, have)
		}
	}
}

// TestSettingBaggageMakesACopy sets an item. The other items, the tracestate and earlier contexts
// stay as they are. The properties of the item are dropped.
func TestSettingBaggageMakesACopy(t *testing.T) {
	for _, share := range []float64{0, 1} {
		tr, _ := memory(t, func(c *tracer.Config) { c.Propagation.Inject, c.Sample = "w3c", share })
		sc := extract(t, tr, lines{
			{"traceparent", w3cParent}, {"tracestate", "foo=1"}, {"baggage", "a=1;p,b=2;q"},
		})
		span := tr.StartSpan("x", opentracing.ChildOf(sc))
		before := span.Context()
		span.SetBaggageItem("a", "3")
		out := inject(t, tr, span.Context())
		if out["baggage"] != "b=2;q,a=3" || out["tracestate"] != "foo=1" {
			t.Errorf("share %v: have %v sent", share, out)
		}
		for _, sc := range []opentracing.SpanContext{sc, before} {
			out := inject(t, tr, sc)
			if out["baggage"] != "a=1;p,b=2;q" || out["tracestate"] != "foo=1" {
				t.Errorf("share %v: have %v sent with an earlier context", share, out)
			}
		}
	}
}

// TestBaggageWithoutATrace extracts baggage alone. The new trace has it, sampled or not.
func TestBaggageWithoutATrace(t *testing.T) {
	for _, share := range []float64{0, 1} {
		tr, _ := memory(t, ofShare(share))
		out, own := passOn(t, tr, lines{{"baggage", "user=ann"}, {"traceparent", "malformed"}})
		if out["baggage"] != "user=ann" || own.TraceID() == "" || len(out["traceparent"]) != 55 {
			t.Errorf("share %v: have %v sent in trace %q", share, out, own.TraceID())
		}
	}
}

// TestBaggageThatIsNotAllowedIsDropped has a list of allowed keys, of which case is ignored.
func TestBaggageThatIsNotAllowedIsDropped(t *testing.T) {
	for _, share := range []float64{0, 1} {
		tr, _ := memory(t, func(c *tracer.Config) {
			c.Propagation.BaggageAllow, c.Sample = "user, Tenant", share
		})
		sc := extract(t, tr, lines{
			{"baggage", "user=ann,secret=1"}, {"uberctx-tenant", "t"}, {"uberctx-other", "1"},
		})
		span := tr.StartSpan("x", opentracing.ChildOf(sc))
		span.SetBaggageItem("password", "p").SetBaggageItem("USER", "bob")
		have := inject(t, tr, span.Context())["baggage"]
		if have != "user=ann,tenant=t,USER=bob" || span.BaggageItem("password") != "" {
			t.Errorf("have %q sent, and password %q", have, span.BaggageItem("password"))
		}
		if have := tracer.BaggageDropped(tr); have != 3 {
			t.Errorf("have %d items counted as dropped, want 3", have)
		}
	}
}

// TestBaggageBeyondTheLimitsIsDropped exceeds the number of items and the size of the header, by
// extracting and by setting items. The earlier items stay.
func TestBaggageBeyondTheLimitsIsDropped(t *testing.T) {
	var many []string
	for i := range 70 {
		many = append(many, fmt.Sprintf("k%02d=v", i))
	}
	for _, share := range []float64{0, 1} {
		tr, _ := memory(t, ofShare(share))
		sc := extract(t, tr, lines{{"baggage", strings.Join(many, ",")}})
		have := inject(t, tr, sc)["baggage"]
		if have != strings.Join(many[:64], ",") || tracer.BaggageDropped(tr) != 6 {
			t.Errorf("have %d dropped, and sent %s", tracer.BaggageDropped(tr), have)
		}
		span := tr.StartSpan("full", opentracing.ChildOf(sc)).SetBaggageItem("one more", "v")
		span.SetBaggageItem("onemore", "v").SetBaggageItem("k00", "w")
		if span.BaggageItem("onemore") != "" || span.BaggageItem("k00") != "w" ||
			tracer.BaggageDropped(tr) != 8 {
			t.Errorf("have onemore %q, k00 %q and %d dropped", span.BaggageItem("onemore"),
				span.BaggageItem("k00"), tracer.BaggageDropped(tr))
		}

		span = tr.StartSpan("long").SetBaggageItem("a", "1")
		span.SetBaggageItem("b", strings.Repeat("v", 8192-len("a=1,b=")))
		if have := len(inject(t, tr, span.Context())["baggage"]); have != 8192 {
			t.Errorf("have %d bytes sent, want 8192", have)
		}
		span.SetBaggageItem("c", "").SetBaggageItem("a", "22")
		span.SetBaggageItem("a", strings.Repeat("v", 1<<20))
		if span.BaggageItem("a") != "1" || span.BaggageItem("c") != "" ||
			tracer.BaggageDropped(tr) != 11 {
			t.Errorf("have a %q, c %q and %d dropped",
				span.BaggageItem("a"), span.BaggageItem("c"), tracer.BaggageDropped(tr))
		}
	}
	t.Run("no items", func(t *testing.T) {
		tr, _ := memory(t, func(c *tracer.Config) { c.Propagation.BaggageMaxItems = 0 })
		out, own := passOn(t, tr, lines{{"baggage", "a=1"}, {"traceparent", w3cParent}})
		if _, sent := out["baggage"]; sent || own.TraceID() != w3cTrace {
			t.Errorf("have %v sent in trace %s, want no baggage", out, own.TraceID())
		}
	})
	t.Run("encoded size", func(t *testing.T) {
		tr, _ := memory(t, func(c *tracer.Config) { c.Propagation.BaggageMaxBytes = 10 })
		span := tr.StartSpan("x").SetBaggageItem("a", "äää").SetBaggageItem("b", "12345678")
		if have := inject(t, tr, span.Context())["baggage"]; have != "b=12345678" {
			t.Errorf("have %q sent, want the item that fits when encoded", have)
		}
	})
	t.Run("header of another service", func(t *testing.T) {
		tr, _ := memory(t, func(c *tracer.Config) { c.Propagation.BaggageMaxBytes = 7 })
		out, _ := passOn(t, tr, lines{{"baggage", "a=1,b=22222,c=3"}})
		if have := out["baggage"]; have != "a=1,c=3" || tracer.BaggageDropped(tr) != 1 {
			t.Errorf("have %q sent and %d dropped, want the items that fit", have,
				tracer.BaggageDropped(tr))
		}
	})
}

// TestBaggageTags sets chosen items as tags of every recorded span. The span's own tags take
// precedence, and the key of an item has no special meaning.
func TestBaggageTags(t *testing.T) {
	tr, spans := memory(t, func(c *tracer.Config) {
		c.Propagation.BaggageTags = "user,tenant,sampling.priority,span.kind"
	})
	sc := extract(t, tr, lines{
		{"traceparent", w3cParent},
		{"baggage", "user=ann,city=rome,sampling.priority=0,span.kind=client"},
	})
	outer := tr.StartSpan("outer", opentracing.ChildOf(sc)).SetBaggageItem("tenant", "t")
	tr.StartSpan("inner", opentracing.ChildOf(outer.Context()),
		opentracing.Tag{Key: "user", Value: "own"}).Finish()
	outer.Finish()
	outer.SetBaggageItem("tenant", "late")
	type tags = map[string]string
	want := map[string]tags{
		"outer": {"user": "ann", "tenant": "t", "sampling.priority": "0", "span.kind": "client"},
		"inner": {"user": "own", "tenant": "t", "sampling.priority": "0", "span.kind": "client"},
	}
	have := map[string]tags{}
	for _, s := range spans.Spans() {
		have[s.Name] = s.Tags
		if s.Kind != "" {
			t.Errorf("%s: have kind %q, want none", s.Name, s.Kind)
		}
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("-want +have\n%s", diff)
	}
}

// TestLongBaggageTagIsTruncated sets an item that is longer than a tag's value.
func TestLongBaggageTagIsTruncated(t *testing.T) {
	tr, spans := memory(t, func(c *tracer.Config) { c.Propagation.BaggageTags = "user" })
	tr.StartSpan("x").SetBaggageItem("user", strings.Repeat("v", 5000)).Finish()
	if have := len(spans.Spans()[0].Tags["user"]); have != 4096 {
		t.Errorf("have %d bytes, want 4096", have)
	}
}

// TestBaggageAfterFinishIsNoTag sets an item on a finished span that is deferred. The item is
// propagated, and is no tag.
func TestBaggageAfterFinishIsNoTag(t *testing.T) {
	tr, spans := memory(t, func(c *tracer.Config) { c.Propagation.BaggageTags = "user" })
	outer := tr.StartSpan("outer", ext.SpanKindRPCServer)
	inner := tr.StartSpan("inner", ext.SpanKindRPCServer, opentracing.ChildOf(outer.Context()))
	inner.Finish()
	inner.SetBaggageItem("user", "late")
	outer.Finish()
	for _, s := range spans.Spans() {
		if s.Tags["user"] != "" {
			t.Errorf("%s: have tag %q, want none", s.Name, s.Tags["user"])
		}
	}
	if len(spans.Spans()) != 2 || inner.BaggageItem("user") != "late" {
		t.Errorf("have %d spans, and item %q", len(spans.Spans()), inner.BaggageItem("user"))
	}
}

// TestBaggageMayBeSetConcurrently sets items from several goroutines.
func TestBaggageMayBeSetConcurrently(t *testing.T) {
	for _, share := range []float64{0, 1} {
		tr, _ := memory(t, ofShare(share))
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

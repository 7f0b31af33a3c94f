package tracer_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/opentracing/opentracing-go"

	"bookservice/tracer"
)

// The grammars of the headers, from their specifications.
const (
	hex16       = `[0-9a-f]{16}`
	hex16or32   = `([0-9a-f]{32}|[0-9a-f]{16})`
	stateMember = `[a-z0-9][a-z0-9_\-*/@]{0,255}=[ -+\--<>-~]{0,255}[!-+\--<>-~]`
	token       = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+"
	octets      = `[!#-+\--:<-\[\]-~]*`
	baggageItem = token + " *= *" + octets + "( *; *" + token + " *(= *" + octets + ")?)*"
	b3Single    = `^([01d]|` + hex16or32 + `-` + hex16 + `(-[01d](-` + hex16 + `)?)?)$`
	stateList   = `^ *(` + stateMember + `)? *(, *(` + stateMember + `)? *)*$`
	uberTraceID = `^` + hex16or32 + `:` + hex16 + `:(` + hex16 + `|0):[013]$`
)

var (
	validTraceparent = regexp.MustCompile(`^00-[0-9a-f]{32}-` + hex16 + `-0[0-3]$`)
	validHeaders     = map[string]*regexp.Regexp{
		"traceparent":       validTraceparent,
		"tracestate":        regexp.MustCompile(stateList),
		"b3":                regexp.MustCompile(b3Single),
		"x-b3-traceid":      regexp.MustCompile(`^` + hex16or32 + `$`),
		"x-b3-spanid":       regexp.MustCompile(`^` + hex16 + `$`),
		"x-b3-parentspanid": regexp.MustCompile(`^` + hex16 + `$`),
		"x-b3-sampled":      regexp.MustCompile(`^[01]$`),
		"x-b3-flags":        regexp.MustCompile(`^1$`),
		"uber-trace-id":     regexp.MustCompile(uberTraceID),
		"baggage":           regexp.MustCompile(`^` + baggageItem + `( *, *` + baggageItem + `)*$`),
	}
	printable = regexp.MustCompile(`^[ -~]+$`) // allowed in gRPC metadata
	zeroID    = regexp.MustCompile(`(^|[-:])(0{32}|0{16})($|[-:])`)
)

const everyFormat = "b3,b3multi,w3c,jaeger"

// checkWellFormed checks injected headers: only those of the formats, each as specified, and no ids
// of zeros.
func checkWellFormed(t *testing.T, out opentracing.TextMapCarrier) {
	t.Helper()
	for name, value := range out {
		valid := validHeaders[name]
		if valid == nil || !valid.MatchString(value) || !printable.MatchString(value) {
			t.Errorf("injected malformed %s: %q", name, value)
		}
		if name != "tracestate" && name != "baggage" && zeroID.MatchString(value) {
			t.Errorf("injected %s with an id of zeros: %q", name, value)
		}
	}
	if flags, sampled := out["x-b3-flags"], out["x-b3-sampled"]; flags != "" && sampled != "" {
		t.Error("injected both X-B3-Flags and X-B3-Sampled")
	}
	if len(out["tracestate"]) > 4096 || len(out["baggage"]) > 8192 {
		t.Errorf("injected %d bytes of tracestate and %d of baggage",
			len(out["tracestate"]), len(out["baggage"]))
	}
}

// checkAnyHeaders checks arbitrary headers. If they are extracted, the injected headers are well
// formed and yield the same context. Otherwise they have no effect on good headers beside them.
func checkAnyHeaders(t *testing.T, tr opentracing.Tracer, in, good lines) {
	t.Helper()
	before := tracer.Malformed(tr)
	sc, err := tr.Extract(opentracing.HTTPHeaders, in)
	if err == nil {
		checkRoundTrips(t, tr, sc)
		return
	}
	corrupted := errors.Is(err, opentracing.ErrSpanContextCorrupted)
	if sc != nil || !corrupted && !errors.Is(err, opentracing.ErrSpanContextNotFound) {
		t.Fatalf("have %v and %v", sc, err)
	}
	if have := tracer.Malformed(tr) > before; have != corrupted {
		t.Errorf("have counted as malformed: %v, with %v", have, err)
	}
	beside, err := tr.Extract(opentracing.HTTPHeaders, append(in, good...))
	if err != nil {
		t.Fatalf("beside good headers: %v", err)
	}
	alone, err := tr.Extract(opentracing.HTTPHeaders, good)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(inject(t, tr, alone), inject(t, tr, beside)); diff != "" {
		t.Errorf("-good headers alone +beside malformed ones\n%s", diff)
	}
}

// checkRoundTrips injects the context into every carrier and extracts it again. The headers must be
// well formed, and the context the same.
func checkRoundTrips(t *testing.T, tr opentracing.Tracer, sc opentracing.SpanContext) {
	t.Helper()
	out := inject(t, tr, sc)
	checkWellFormed(t, out)
	if len(out) == 0 { // a trace id without a span or a decision: no format can express it
		return
	}
	for name, carry := range carriers {
		again, err := carry(tr, sc)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(out, inject(t, tr, again)); diff != "" {
			t.Errorf("%s: -once +twice\n%s", name, diff)
		}
	}
}

// carriers inject a context and extract it again.
var carriers = map[string]func(opentracing.Tracer, spanContext) (spanContext, error){
	"TextMap": func(tr opentracing.Tracer, sc spanContext) (spanContext, error) {
		m := opentracing.TextMapCarrier{}
		return carry(tr, sc, opentracing.TextMap, m, m)
	},
	"HTTPHeaders": func(tr opentracing.Tracer, sc spanContext) (spanContext, error) {
		h := opentracing.HTTPHeadersCarrier(http.Header{})
		return carry(tr, sc, opentracing.HTTPHeaders, h, h)
	},
	"Binary": func(tr opentracing.Tracer, sc spanContext) (spanContext, error) {
		var b bytes.Buffer
		return carry(tr, sc, opentracing.Binary, &b, &b)
	},
}

type spanContext = opentracing.SpanContext

func carry(
	tr opentracing.Tracer, sc spanContext, format, to, from any,
) (spanContext, error) {
	if err := tr.Inject(sc, format, to); err != nil {
		return nil, err
	}
	return tr.Extract(format, from)
}

func FuzzB3(f *testing.F) {
	for _, s := range []string{
		"0", "d", trace128 + "-" + span1, trace128 + "-" + span1 + "-1",
		trace64 + "-" + span1 + "-d-" + parent1, zeros16 + zeros16 + "-" + zeros16 + "-1", "b3-",
		"\t" + trace64 + "-" + span1 + " ",
	} {
		f.Add(s)
	}
	tr, _ := memory(f, injecting(everyFormat))
	f.Fuzz(func(t *testing.T, value string) {
		checkAnyHeaders(t, tr, lines{{"b3", value}}, lines{{"uber-trace-id", trace64 + ":1:0:1"}})
	})
}

func FuzzB3Multi(f *testing.F) {
	f.Add(trace128, span1, parent1, "1", "")
	f.Add(trace64, span1, "", "", "1")
	f.Add("1", "2", "0", "true", "0")
	f.Add("", "", "", "0", "")
	f.Add("1", "1", "1", "", "")
	f.Add(trace128, "0000000000000000", "x", "d", "2")
	tr, _ := memory(f, injecting(everyFormat))
	f.Fuzz(func(t *testing.T, trace, span, parent, sampled, flags string) {
		checkAnyHeaders(t, tr, b3Multi("TraceId", trace, "SpanId", span, "ParentSpanId", parent,
			"Sampled", sampled, "Flags", flags), lines{{"uber-trace-id", trace64 + ":1:0:1"}})
	})
}

func FuzzTraceparent(f *testing.F) {
	for _, s := range []string{
		w3cParent, w3cDenied, "cc" + w3cParent[2:] + "-x", "ff" + w3cParent[2:], w3cParent + "-",
		"00-" + zeros16 + trace64 + "-" + span1 + "-03",
		"00-" + zeros16 + zeros16 + "-" + zeros16 + "-00",
	} {
		f.Add(s)
	}
	tr, _ := memory(f, injecting(everyFormat))
	f.Fuzz(func(t *testing.T, value string) {
		checkAnyHeaders(t, tr, lines{{"traceparent", value}},
			lines{{"b3", trace64 + "-" + span1 + "-1"}})
	})
}

// FuzzTracestate extracts any tracestate beside a traceparent, which must not change.
func FuzzTracestate(f *testing.F) {
	f.Add("foo=1,bar=2", "")
	f.Add("a@b=1 \t,\t 1a@c= x", "z=~")
	f.Add("b3="+w3cTrace+"-"+span1+"-d", "foo=1")
	f.Add(members(1, 33), "")
	f.Add("foo="+strings.Repeat("v", 256), strings.Repeat("k", 257)+"=1")
	all, _ := memory(f, injecting(everyFormat))
	w3c, _ := memory(f, injecting("w3c"))
	f.Fuzz(func(t *testing.T, first, second string) {
		for _, tr := range []opentracing.Tracer{all, w3c} {
			in := lines{{"traceparent", w3cParent}, {"tracestate", first}, {"tracestate", second}}
			sc, err := tr.Extract(opentracing.HTTPHeaders, in)
			if err != nil {
				t.Fatal(err)
			}
			if out := inject(t, tr, sc); out["traceparent"] != w3cParent {
				t.Errorf("have traceparent %q, want %q", out["traceparent"], w3cParent)
			}
			checkRoundTrips(t, tr, sc)
		}
	})
}

func FuzzJaeger(f *testing.F) {
	for _, s := range []string{
		trace128 + ":" + span1 + ":" + parent1 + ":1", "1:2:0:3", "1%3A2%3a0%3A0", "0:0:0:0",
		trace64 + ":1::1",
	} {
		f.Add(s)
	}
	tr, _ := memory(f, injecting(everyFormat))
	f.Fuzz(func(t *testing.T, value string) {
		checkAnyHeaders(t, tr, lines{{"uber-trace-id", value}},
			lines{{"b3", trace64 + "-" + span1 + "-1"}})
	})
}

// FuzzBaggage extracts baggage from the W3C header, from headers with prefixes and from
// jaeger-baggage, and sets items.
func FuzzBaggage(f *testing.F) {
	f.Add("user=ann,city=k%C3%B6ln;ttl=5; secret", "tenant", "a+b%20c")
	f.Add(" a = b ,\tc=%", "A", "ä\x00\xff")
	f.Add("a=1,a=2,,", "a b", "")
	f.Add(strings.Repeat("k=v,", 100), "", "v")
	f.Add("a=+++;p=+,b=%zz%4,c=%ff ;q", "b", "x=1,y=2")
	f.Add(strings.Repeat("k=v ,", 63)+"k=", "user", strings.Repeat("+", 9000))
	tr, _ := memory(f, injecting(everyFormat))
	f.Fuzz(func(t *testing.T, header, key, value string) {
		in := lines{{"traceparent", w3cParent}, {"baggage", header}}
		malformed, dropped := tracer.Malformed(tr), tracer.BaggageDropped(tr)
		sc, err := tr.Extract(opentracing.HTTPHeaders, in)
		if err != nil {
			t.Fatal(err)
		}
		checkRoundTrips(t, tr, sc)
		whole := tracer.Malformed(tr) == malformed && tracer.BaggageDropped(tr) == dropped
		plain := strings.Trim(header, " \t")
		exact := whole && len(plain) <= 8192 && !strings.Contains(plain, "\t") &&
			!emptyMember.MatchString(plain)
		if have := inject(t, tr, sc)["baggage"]; exact && have != plain {
			t.Errorf("have %q sent, want %q as it was received", have, plain)
		}
		checkAnyHeaders(t, tr,
			lines{{"baggage", header}, {"uberctx-" + key, value}, {"baggage-" + key, value},
				{"ot-baggage-x" + key, header}, {"jaeger-baggage", value}, {"baggage", value}},
			lines{{"traceparent", w3cParent}})
		span := tr.StartSpan("x", opentracing.ChildOf(sc)).SetBaggageItem(key, value)
		checkRoundTrips(t, tr, span.Context())
		checkSetItem(t, sc, span, key, value)
	})
}

// emptyMember matches a list that has an empty member.
var emptyMember = regexp.MustCompile(`^ *(,|$)|, *(,|$)`)

// checkSetItem checks that setting an item changes no other item.
func checkSetItem(
	t *testing.T, before opentracing.SpanContext, span opentracing.Span, key, value string,
) {
	t.Helper()
	items := func(sc opentracing.SpanContext) map[string]string {
		all := map[string]string{}
		sc.ForeachBaggageItem(func(k, v string) bool { all[k] = v; return true })
		return all
	}
	want, have := items(before), items(span.Context())
	if v, ok := have[key]; ok && v == strings.ToValidUTF8(value, "\uFFFD") {
		want[key] = v
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("after SetBaggageItem(%q, %q): -want +have\n%s", key, value, diff)
	}
}

// FuzzCensus extracts any value of grpc-trace-bin.
func FuzzCensus(f *testing.F) {
	whole := censusOf(trace128, span1, 1)
	for _, s := range []string{
		whole, whole[:27], whole[:18], censusOf(trace128, zeros16, 0), "\x00", "AAB",
		censusOf(zeros16+zeros16, span1, 1), base64.StdEncoding.EncodeToString([]byte(whole)),
	} {
		f.Add([]byte(s))
	}
	tr, _ := memory(f, injecting(everyFormat))
	f.Fuzz(func(t *testing.T, value []byte) {
		checkAnyHeaders(t, tr, lines{{"grpc-trace-bin", string(value)}},
			lines{{"b3", trace64 + "-" + span1 + "-1"}})
	})
}

// FuzzJaegerDebug extracts any value of jaeger-debug-id. The trace has debug, and its first span
// the text as a tag.
func FuzzJaegerDebug(f *testing.F) {
	for _, s := range []string{"x", "a%20b+c", "%zz", "\xff", " ", strings.Repeat("ä", 3000)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		tr, spans := memory(t, injecting(everyFormat))
		in := lines{{"jaeger-debug-id", value}}
		checkAnyHeaders(t, tr, in, lines{{"b3", trace64 + "-" + span1 + "-1"}})
		sc, err := tr.Extract(opentracing.TextMap, in)
		if err != nil {
			return
		}
		tr.StartSpan("x", opentracing.ChildOf(sc)).Finish()
		last := spans.Spans()[0]
		tag, ok := last.Tags["jaeger-debug-id"]
		if !last.Debug || !ok || len(tag) > 4096 || !utf8.ValidString(tag) {
			t.Errorf("have debug %v and the tag %q", last.Debug, tag)
		}
	})
}

// FuzzFormats extracts all formats at once, whatever they hold: the same ids, different ones, or
// none. A span of the trace is well formed, and its parent is a span that one of the headers names.
func FuzzFormats(f *testing.F) {
	const ids = trace128 + "-" + span1
	f.Add(ids+"-1", trace128, span1, parent1, "1", "00-"+ids+"-03", trace128+":"+span1+":0:1",
		"a=b", []byte(censusOf(trace128, span1, 1)))
	f.Add("0", trace128, b3Span, span1, "", "00-"+trace128+"-"+parent1+"-00", "1:undefined:0:3",
		"b3="+ids+"-d", []byte(censusOf(trace128, zeros16, 1)))
	f.Add(trace128+"-undefined-1-x", trace128, "undefined", "undefined", "undefined",
		"cc-"+ids+"-ff-x", trace128+":0::0", "a@=1,A=2,a@=3", []byte("AAA="))
	f.Add("", "", "", "", "", "", "", "", []byte{})
	f.Fuzz(func(t *testing.T,
		b3, trace, span, parent, sampled, traceparent, uber, state string, census []byte,
	) {
		tr, spans := memory(t, injecting(everyFormat))
		in := append(lines{{"b3", b3}, {"traceparent", traceparent}, {"uber-trace-id", uber},
			{"tracestate", state}, {"grpc-trace-bin", string(census)}},
			b3Multi("TraceId", trace, "SpanId", span, "ParentSpanId", parent,
				"Sampled", sampled)...)
		sc, err := tr.Extract(opentracing.TextMap, in)
		if err != nil {
			return
		}
		checkRoundTrips(t, tr, sc)
		own := tr.StartSpan("x", opentracing.ChildOf(sc),
			opentracing.Tag{Key: "sampling.priority", Value: 1})
		checkRoundTrips(t, tr, own.Context())
		own.Finish()
		last := spans.Spans()[0]
		caller := sc.(tracer.SpanContext)
		var named string
		if last.ParentID != nil {
			named = last.ParentID.String()
		}
		if named != caller.SpanID() || last.ID == 0 || last.TraceID.Empty() ||
			caller.TraceID() != "" && last.TraceID.String() != caller.TraceID() {
			t.Errorf("have span %v of trace %v below %q, want it below %q of %q", last.ID,
				last.TraceID, named, caller.SpanID(), caller.TraceID())
		}
	})
}

// FuzzAllocations extracts one header many times and bounds what is allocated.
func FuzzAllocations(f *testing.F) {
	for _, name := range []string{
		"baggage", "tracestate", "b3", "uberctx-a", "jaeger-baggage", "jaeger-debug-id",
		"uber-trace-id", "grpc-trace-bin", "x-b3-sampled",
	} {
		f.Add(name, "a=1,b=%41+;p", uint16(50))
	}
	f.Add("baggage", "A=1,,b", uint16(3000))
	tr, _ := memory(f, injecting(everyFormat))
	f.Fuzz(func(t *testing.T, name, value string, times uint16) {
		in := repeated{lines{{name, value}, {"traceparent", w3cParent}}, int(times)}
		have := allocatedBytes(func() { _, _ = tr.Extract(opentracing.HTTPHeaders, in) })
		if have > 1<<20 { // other goroutines allocate too
			t.Errorf("have %d bytes allocated for %d times %d", have, times, len(value))
		}
	})
}

func FuzzBinary(f *testing.F) {
	tr, _ := memory(f, injecting(everyFormat))
	for _, in := range []lines{
		{{"b3", trace128 + "-" + span1 + "-1"}},
		{{"traceparent", w3cParent}, {"tracestate", "a=b"}, {"baggage", "k=v"}},
		{{"b3", "0"}},
	} {
		sc := extract(f, tr, in)
		var b bytes.Buffer
		if err := tr.Inject(sc, opentracing.Binary, &b); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	f.Add([]byte("\xff\xff\xff\xff"))
	f.Add([]byte("\x00\x00\x00\x0b\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	failing := iotest.ErrReader(errors.New("connection lost"))
	f.Fuzz(func(t *testing.T, data []byte) {
		sc, err := tr.Extract(opentracing.Binary, bytes.NewReader(data))
		switch {
		case err == nil:
			checkRoundTrips(t, tr, sc)
		case sc != nil, !errors.Is(err, opentracing.ErrSpanContextCorrupted) &&
			!errors.Is(err, opentracing.ErrSpanContextNotFound):
			t.Fatalf("have %v and %v", sc, err)
		}
		r := io.MultiReader(bytes.NewReader(data), failing)
		if _, err := tr.Extract(opentracing.Binary, r); err == nil && sc == nil {
			t.Error("have a context from a reader that fails, and none from its data")
		}
	})
}

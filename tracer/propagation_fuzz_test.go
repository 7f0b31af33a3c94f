package tracer_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/opentracing/opentracing-go"

	"bookservice/tracer"
)

// The grammars of the headers, from their specifications.
const (
	hex16       = `[0-9a-f]{16}`
	hex16or32   = `([0-9a-f]{32}|[0-9a-f]{16})`
	stateMember = `[a-z0-9][a-z0-9_\-*/]*(@[a-z][a-z0-9_\-*/]*)?=[ -+\--<>-~]*[!-+\--<>-~]`
	token       = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+"
	octets      = `[!#-+\--:<-\[\]-~]*`
	baggageItem = token + "=" + octets + "(;" + token + "(=" + octets + ")?)*"
	b3Single    = `^([01d]|` + hex16or32 + `-` + hex16 + `(-[01d](-` + hex16 + `)?)?)$`
	stateList   = `^ *(` + stateMember + `)? *(, *(` + stateMember + `)? *)*$`
	uberTraceID = `^` + hex16or32 + `:` + hex16 + `:(` + hex16 + `|0):[013]$`
)

var (
	validTraceparent = regexp.MustCompile(`^00-[0-9a-f]{32}-` + hex16 + `-0[01]$`)
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
		"baggage":           regexp.MustCompile(`^` + baggageItem + `(,` + baggageItem + `)*$`),
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

// FuzzBaggage extracts baggage from the W3C header and from headers with prefixes, and sets items.
func FuzzBaggage(f *testing.F) {
	f.Add("user=ann,city=k%C3%B6ln;ttl=5; secret", "tenant", "a+b%20c")
	f.Add(" a = b ,\tc=%", "A", "ä\x00\xff")
	f.Add("a=1,a=2,,", "a b", "")
	f.Add(strings.Repeat("k=v,", 100), "", "v")
	tr, _ := memory(f, injecting(everyFormat))
	f.Fuzz(func(t *testing.T, header, key, value string) {
		in := lines{{"traceparent", w3cParent}, {"baggage", header}}
		before := tracer.Malformed(tr)
		sc, err := tr.Extract(opentracing.HTTPHeaders, in)
		if err != nil {
			t.Fatal(err)
		}
		checkRoundTrips(t, tr, sc)
		if out := inject(t, tr, sc); tracer.Malformed(tr) > before && out["baggage"] != "" {
			t.Errorf("injected %q after a malformed header", out["baggage"])
		}
		checkAnyHeaders(t, tr,
			lines{{"baggage", header}, {"uberctx-" + key, value}, {"baggage-" + key, value}},
			lines{{"traceparent", w3cParent}})
		span := tr.StartSpan("x").SetBaggageItem(key, value)
		checkRoundTrips(t, tr, span.Context())
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

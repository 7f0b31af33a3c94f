package tracer_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"

	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"

	"bookservice/tracer"
)

// A rewrite changes the headers of a request as a proxy does that traces it, and returns the id of
// the proxy's span.
type rewrite func(h http.Header) string

func newSpanID() string { return fmt.Sprintf("%016x", rand.Uint64()) }

// w3cProxy knows traceparent alone: it leaves X-B3-… and b3 as they are.
func w3cProxy(h http.Header) string {
	parent, id := h.Get("traceparent"), newSpanID()
	h.Set("traceparent", parent[:36]+id+parent[52:])
	return id
}

// b3Proxy knows X-B3-… alone, as Envoy and Istio's sidecars do: it leaves traceparent as it is.
func b3Proxy(h http.Header) string {
	id := newSpanID()
	h.Set("x-b3-parentspanid", h.Get("x-b3-spanid"))
	h.Set("x-b3-spanid", id)
	return id
}

// b3ProxyWithoutParent sends no parent id, as OpenTelemetry's propagator for B3 does.
func b3ProxyWithoutParent(h http.Header) string {
	id := newSpanID()
	h.Del("x-b3-parentspanid")
	h.Set("x-b3-spanid", id)
	return id
}

// throughProxies sends a request of a client of ours through the proxies to a server of ours, over
// HTTP. It returns the ids of the spans in the order of the request, without the server's, and the
// headers of the server's own calls.
func throughProxies(t *testing.T, formats string, proxies ...rewrite) (ids []string, out headers) {
	t.Helper()
	tr, _ := memory(t, injecting(formats))
	served := make(chan headers, 1)
	next := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		sc, err := tr.Extract(opentracing.HTTPHeaders, opentracing.HTTPHeadersCarrier(r.Header))
		if err != nil {
			t.Error(err)
		}
		server := tr.StartSpan("server", ext.RPCServerOption(sc))
		defer server.Finish()
		served <- headers(inject(t, tr, server.Context()))
	}))
	t.Cleanup(next.Close)
	for _, change := range proxies {
		to, err := url.Parse(next.URL)
		if err != nil {
			t.Fatal(err)
		}
		next = httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			ids = append(ids, change(r.Out.Header))
		}})
		t.Cleanup(next.Close)
	}
	root := tr.StartSpan("root")
	client := tr.StartSpan("client", ext.SpanKindRPCClient, opentracing.ChildOf(root.Context()))
	defer client.Finish()
	defer root.Finish()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, next.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	carrier := opentracing.HTTPHeadersCarrier(req.Header)
	if err := tr.Inject(client.Context(), opentracing.HTTPHeaders, carrier); err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	first := client.Context().(tracer.SpanContext).SpanID()
	return append([]string{first}, ids...), <-served
}

// TestParentBehindAProxyIsTheProxysSpan sends requests through proxies that know only one of the
// formats that our client sends. The parent of the server's span is the span that was written last,
// that of the proxy next to the server, and not the client's.
func TestParentBehindAProxyIsTheProxysSpan(t *testing.T) {
	for name, test := range map[string]struct {
		formats string
		proxies []rewrite // the one next to the server first
	}{
		"no proxy":              {"w3c,b3multi", nil},
		"W3C":                   {"w3c,b3multi", []rewrite{w3cProxy}},
		"two W3C":               {"w3c,b3multi", []rewrite{w3cProxy, w3cProxy}},
		"W3C beside b3":         {"w3c,b3", []rewrite{w3cProxy}},
		"W3C beside Jaeger":     {"w3c,jaeger,b3multi", []rewrite{w3cProxy}},
		"B3":                    {"w3c,b3multi", []rewrite{b3Proxy}},
		"two B3":                {"w3c,b3multi", []rewrite{b3Proxy, b3Proxy}},
		"three B3":              {"w3c,b3multi", []rewrite{b3Proxy, b3Proxy, b3Proxy}},
		"B3 without parent ids": {"w3c,b3multi", []rewrite{b3ProxyWithoutParent}},
	} {
		t.Run(name, func(t *testing.T) {
			const requests = 64
			wrong := 0
			for range requests {
				ids, out := throughProxies(t, test.formats, test.proxies...)
				have, want := out["x-b3-parentspanid"], ids[len(ids)-1]
				if have == "" {
					have = out["b3"][len(out["b3"])-16:]
				}
				if have != want {
					wrong++
				}
			}
			// A proxy's id carries our mark by chance once in 256 requests.
			if wrong > 4 {
				t.Errorf("have the wrong parent in %d of %d requests", wrong, requests)
			}
		})
	}
}

// TestParentOfSeveralFormats extracts headers that name one trace and different spans.
func TestParentOfSeveralFormats(t *testing.T) {
	const w3c = "aaaaaaaaaaaaaaaa"
	traceparent := func(flags string) [2]string {
		return [2]string{"traceparent", "00-" + trace128 + "-" + w3c + "-" + flags}
	}
	multi := func(pairs ...string) lines {
		return b3Multi(append([]string{"TraceId", trace128, "SpanId", span1}, pairs...)...)
	}
	for name, test := range map[string]struct {
		in             lines
		span, decision string
	}{
		"B3 is the child": {append(multi("ParentSpanId", w3c, "Sampled", "1"), traceparent("00")),
			span1, "1"},
		"b3 is the child": {lines{traceparent("00"), {"b3", trace128 + "-" + span1 + "-1-" + w3c}},
			span1, "1"},
		"undecided child":  {append(multi("ParentSpanId", w3c), traceparent("01")), span1, "1"},
		"X-B3 is the root": {append(multi("Sampled", "1"), traceparent("00")), w3c, "0"},
		"X-B3 is the root, zeros": {append(multi("ParentSpanId", zeros16, "Sampled", "0"),
			traceparent("01")), w3c, "1"},
		"X-B3 is the root, undecided": {append(multi(), traceparent("01")), w3c, "1"},
		"X-B3 is the root, Jaeger": {append(multi("Sampled", "1"),
			[2]string{"uber-trace-id", trace128 + ":" + w3c + ":" + parent1 + ":1"}), w3c, "1"},
		"X-B3 is the root, OpenCensus": {append(multi("Sampled", "1"),
			[2]string{"grpc-trace-bin", censusOf(trace128, w3c, 1)}), w3c, "1"},
		"both are roots": {append(multi("Sampled", "1"),
			[2]string{"uber-trace-id", trace128 + ":" + w3c + ":0:1"}), span1, "1"},
		"b3 without parent": {lines{traceparent("00"), {"b3", trace128 + "-" + span1 + "-1"}},
			span1, "1"},
		"no evidence": {append(multi("ParentSpanId", parent1, "Sampled", "1"), traceparent("00")),
			span1, "1"},
		"Jaeger is the child": {lines{traceparent("01"),
			{"uber-trace-id", trace128 + ":" + span1 + ":" + w3c + ":3"}}, span1, "d"},
		"b3 is X-B3's child": {append(multi("Sampled", "1"),
			[2]string{"b3", trace128 + "-" + w3c + "-1-" + span1}), w3c, "1"},
		"X-B3 is b3's child": {append(multi("ParentSpanId", w3c, "Sampled", "0"),
			[2]string{"b3", trace128 + "-" + w3c + "-1"}), span1, "0"},
		"decision without ids": {append(append(lines{{"b3", "1"}},
			multi("ParentSpanId", w3c, "Sampled", "0")...), traceparent("00")), span1, "1"},
	} {
		t.Run(name, func(t *testing.T) {
			tr, _ := memory(t, nil)
			sc := extract(t, tr, test.in)
			have, decision := sc.(tracer.SpanContext).SpanID(), decisionOf(t, sc)
			if have != test.span || decision != test.decision {
				t.Errorf("have span %s with decision %q, want %s with %q", have, decision,
					test.span, test.decision)
			}
		})
	}
}

// TestDecisionOfTheNewerFormatApplies sends a decision of ours through a proxy that changes it.
func TestDecisionOfTheNewerFormatApplies(t *testing.T) {
	deny := func(h http.Header) string {
		parent, id := h.Get("traceparent"), newSpanID()
		h.Set("traceparent", parent[:36]+id+"-02")
		return id
	}
	for range 4 { // a proxy's id carries our mark by chance once in 256 requests
		if _, out := throughProxies(t, "w3c,b3multi", deny); out["x-b3-sampled"] == "0" {
			return
		}
	}
	t.Error("have the trace sampled, want the decision of the proxy")
}

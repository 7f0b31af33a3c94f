package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openzipkin/zipkin-go/model"
	"github.com/openzipkin/zipkin-go/proto/zipkin_proto3"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	grpcgzip "google.golang.org/grpc/encoding/gzip"
	"google.golang.org/protobuf/proto"

	"bookservice/cmd/bookbench/internal/side"
)

// startCollector starts a collector, which serves until the tests end.
func startCollector(t *testing.T, delay time.Duration) (*collector, report) {
	t.Helper()
	c := &collector{}
	r := c.do(side.Order{Do: "start", Settings: side.Settings{Delay: delay}})
	if r.Err != "" {
		t.Fatal(r.Err)
	}
	return c, r
}

// countForTest returns the tally for traces of two spans.
func (c *collector) countForTest() tally {
	return c.do(side.Order{Do: "count", Spans: 2}).Tally
}

// spansOf returns a trace with a CLIENT span and its child, a SERVER span.
func spansOf(trace uint64) []*model.SpanModel {
	id := model.TraceID{Low: trace}
	parent := model.ID(trace*10 + 1)
	return []*model.SpanModel{
		{SpanContext: model.SpanContext{TraceID: id, ID: parent}, Kind: model.Client, Name: "get"},
		{SpanContext: model.SpanContext{TraceID: id, ID: parent + 1, ParentID: &parent},
			Kind: model.Server, Name: "get"},
	}
}

func post1(t *testing.T, url, contentType string, body []byte, zip bool) {
	t.Helper()
	if zip {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		if _, err := w.Write(body); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		body = b.Bytes()
	}
	r, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", contentType)
	if zip {
		r.Header.Set("Content-Encoding", "gzip")
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	if answer.StatusCode/100 != 2 {
		t.Errorf("have status %d", answer.StatusCode)
	}
}

// otlpRequest is a trace in OTLP, with the same ids as spansOf.
func otlpRequest(trace byte) *coltracepb.ExportTraceServiceRequest {
	id := append(make([]byte, 15), trace)
	parent, child := append(make([]byte, 7), trace*10+1), append(make([]byte, 7), trace*10+2)
	return &coltracepb.ExportTraceServiceRequest{ResourceSpans: []*tracepb.ResourceSpans{{
		ScopeSpans: []*tracepb.ScopeSpans{{Spans: []*tracepb.Span{
			{TraceId: id, SpanId: parent, Kind: tracepb.Span_SPAN_KIND_CLIENT},
			{TraceId: id, SpanId: child, ParentSpanId: parent,
				Kind: tracepb.Span_SPAN_KIND_SERVER},
		}}},
	}}}
}

// TestCollectorCounts sends a trace in every format, compressed and not.
func TestCollectorCounts(t *testing.T) {
	inJSON := func(trace uint64) []byte {
		b, err := json.Marshal(spansOf(trace))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	inProto := func(trace uint64) []byte {
		b, err := zipkin_proto3.SpanSerializer{}.Serialize(spansOf(trace))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	c, at := startCollector(t, 0)
	overHTTP := strings.Replace(at.Zipkin, "/api/v2/spans", "/v1/traces", 1)
	post1(t, at.Zipkin, "application/json", inJSON(1), false)
	post1(t, at.Zipkin, "application/json", inJSON(2), true)
	post1(t, at.Zipkin, "application/x-protobuf", inProto(3), false)
	post1(t, at.Zipkin, "application/x-protobuf", inProto(4), true)
	if have := c.countForTest(); have.Spans != 8 || have.Traces != 4 {
		t.Errorf("have %+v, want 8 spans of 4 traces", have)
	}
	for trace := range 2 {
		body, err := proto.Marshal(otlpRequest(byte(5 + trace)))
		if err != nil {
			t.Fatal(err)
		}
		post1(t, overHTTP, "application/x-protobuf", body, trace == 0)
	}
	conn, err := grpc.NewClient(at.OTLP, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	client := coltracepb.NewTraceServiceClient(conn)
	for trace, opts := range map[byte][]grpc.CallOption{
		7: nil, 8: {grpc.UseCompressor(grpcgzip.Name)},
	} {
		if _, err := client.Export(t.Context(), otlpRequest(trace), opts...); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]int{"CLIENT": 8, "SERVER": 8}
	have := c.countForTest()
	if have.Spans != 16 || have.Traces != 8 || !maps.Equal(have.Kinds, want) ||
		have.Incomplete+have.Duplicates+have.Orphans+have.BadPosts != 0 {
		t.Errorf("have %+v, want 16 spans of 8 complete traces", have)
	}
}

// TestCollectorFinds sends a span twice, a span without its parent, and what is no span.
func TestCollectorFinds(t *testing.T) {
	c, at := startCollector(t, 0)
	send := func(spans ...*model.SpanModel) {
		body, err := json.Marshal(spans)
		if err != nil {
			t.Fatal(err)
		}
		post1(t, at.Zipkin, "application/json", body, false)
	}
	send(spansOf(1)...)
	send(spansOf(1)[0])
	send(spansOf(2)[1])
	post1(t, at.Zipkin, "application/json", []byte("[{"), false)
	have := c.countForTest()
	if have.Spans != 3 || have.Duplicates != 1 || have.Orphans != 1 || have.Incomplete != 1 ||
		have.BadPosts != 1 || have.Problem == "" {
		t.Errorf("have %+v, want 3 spans and one fault of each kind", have)
	}
}

// A collector with a delay does not answer before it.
func TestCollectorDelays(t *testing.T) {
	const delay = 50 * time.Millisecond
	c, at := startCollector(t, delay)
	begin := time.Now()
	post1(t, at.Zipkin, "application/json", []byte("[]"), false)
	if took := time.Since(begin); took < delay {
		t.Errorf("the answer took %v, want %v or more", took, delay)
	}
	if have := c.countForTest(); have.Spans != 0 || have.BadPosts != 0 {
		t.Errorf("have %+v, want nothing", have)
	}
}

// TestVerdict judges tallies of 100 calls with two spans each.
func TestVerdict(t *testing.T) {
	ours, peer := row{ours: true, spans: 2, share: 1}, row{spans: 2, share: 1}
	kinds := map[string]int{"CLIENT": 100, "SERVER": 100}
	good := tally{Spans: 200, Traces: 100, Kinds: kinds}
	change := func(f func(*tally)) tally {
		bad := good
		f(&bad)
		return bad
	}
	for name, test := range map[string]struct {
		row   row
		tally tally
		want  string
	}{
		"good":     {ours, good, ""},
		"lost":     {peer, change(func(t *tally) { t.Spans = 199 }), "1 of 200 spans lost"},
		"too many": {peer, change(func(t *tally) { t.Spans = 201 }), "1 spans more than 200"},
		"incomplete": {peer, change(func(t *tally) { t.Incomplete = 2 }),
			"2 of 100 traces incomplete"},
		"malformed": {peer, change(func(t *tally) { t.BadPosts, t.Problem = 1, "EOF" }),
			"1 posts malformed: EOF"},
		"kinds": {ours, change(func(t *tally) { t.Kinds = map[string]int{"SERVER": 200} }),
			"the kinds of 200 spans are map[SERVER:200]"},
		"kinds of a peer": {peer, change(func(t *tally) { t.Kinds = map[string]int{"": 200} }), ""},
		"orphans": {ours, change(func(t *tally) { t.Orphans = 3 }),
			"3 spans without their parents"},
		"twice": {ours, change(func(t *tally) { t.Duplicates = 4 }),
			"4 spans arrived twice"},
		"untraced":     {row{}, tally{}, ""},
		"not untraced": {row{}, good, "200 spans, want none"},
		"sampled":      {row{spans: 2, share: 0.5}, tally{Spans: 100, Traces: 50}, ""},
		"sampled too often": {row{spans: 2, share: 0.5}, tally{Spans: 182, Traces: 91},
			"91 of 100 calls recorded, want 0.5 of them"},
		"sampled and lost": {row{spans: 2, share: 0.5}, tally{Spans: 99, Traces: 50, Incomplete: 1},
			"1 of 50 traces incomplete"},
	} {
		if have := test.tally.verdict(test.row, 100); have != test.want {
			t.Errorf("%s: have %q, want %q", name, have, test.want)
		}
	}
}

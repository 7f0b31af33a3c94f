package tracer_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/log"
	"github.com/openzipkin/zipkin-go/model"

	"bookservice/tracer"
	"bookservice/tracer/tracertest/receiver"
)

// TestZipkinReceivesWhatMemoryKeeps has both backends take the same spans, through a collector that fails at first.
func TestZipkinReceivesWhatMemoryKeeps(t *testing.T) {
	for _, bits := range []int{128, 64} {
		t.Run(strconv.Itoa(bits), func(t *testing.T) { checkReceivesWhatMemoryKeeps(t, bits) })
	}
}

func checkReceivesWhatMemoryKeeps(t *testing.T, bits int) {
	to := receiver.NewZipkin(t, 2)
	c := config("zipkin,memory")
	c.TraceIDBits = bits
	c.Address, c.Zipkin.URL = "[::1]:50051", to.URL
	m := &tracer.Memory{}
	tr, closer, err := tracer.Open(context.Background(), c, tracer.WithMemory(m))
	if err != nil {
		t.Fatal(err)
	}
	root := tr.StartSpan("root")
	for range 1000 {
		s := tr.StartSpan("book.BookService/GetBookInfo", opentracing.ChildOf(root.Context()),
			opentracing.Tags{"span.kind": "client", "peer.service": "books", "peer.ipv4": "10.0.0.1", "peer.port": 80, "long": string(make([]byte, 300))})
		s.LogFields(log.String("event", "retry"), log.Int("n", 1))
		s.SetTag("error", true).Finish()
	}
	root.Finish()
	if err := closer.Close(); err != nil {
		t.Fatal(err)
	}
	var want []model.SpanModel
	for _, s := range m.Spans() {
		s.Timestamp, s.Duration = s.Timestamp.Truncate(time.Microsecond), (s.Duration + 500).Truncate(time.Microsecond)
		for i := range s.Annotations {
			s.Annotations[i].Timestamp = s.Annotations[i].Timestamp.Truncate(time.Microsecond)
		}
		s.Sampled = nil // not in the format
		want = append(want, s)
	}
	if diff := cmp.Diff(want, to.Spans(t), cmpopts.EquateEmpty(), cmpopts.EquateApproxTime(0),
		cmpopts.SortSlices(func(a, b model.SpanModel) bool { return a.ID < b.ID })); diff != "" {
		t.Errorf("-want +have\n%.2000s", diff)
	}
}

func TestCloseSaysWhatWasLost(t *testing.T) {
	c := config("zipkin")
	c.FlushTimeout = 50 * time.Millisecond
	tr, closer, err := tracer.Open(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	tr.StartSpan("one").Finish()
	tr.StartSpan("two").Finish()
	const want = "tracer: zipkin http://127.0.0.1:1/api/v2/spans: 2 spans lost: "
	for range 2 {
		if err := closer.Close(); err == nil || err.Error()[:min(len(want), len(err.Error()))] != want {
			t.Errorf("have %v, want %s…", err, want)
		}
	}
	tr.StartSpan("late").Finish()
}

// TestZipkinRedirectIsNoAnswer has a collector that sends its callers to a page, as a login does: the spans are kept.
func TestZipkinRedirectIsNoAnswer(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/login" {
			asked.Add(1)
			return
		}
		http.Redirect(w, r, "/login", http.StatusFound)
	}))
	defer srv.Close()
	c := config("zipkin")
	c.Zipkin.URL, c.FlushTimeout = srv.URL+"/api/v2/spans", 2*time.Second
	tr, closer, err := tracer.Open(t.Context(), c, tracer.WithLogger(quiet))
	if err != nil {
		t.Fatal(err)
	}
	tr.StartSpan("one").Finish()
	if err := closer.Close(); err == nil || !strings.Contains(err.Error(), "1 spans lost: the collector answered 302 Found") {
		t.Errorf("have %v, want the span lost, and why", err)
	}
	if asked.Load() != 0 {
		t.Error("the page was asked for")
	}
}

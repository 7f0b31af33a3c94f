package all_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"bookservice/tracer"
	"bookservice/tracer/all"
	"bookservice/tracer/otlp"
	"bookservice/tracer/tracertest/receiver"
	"bookservice/tracer/tracertest/testkit"
)

// TestLossesAreReported has collectors that are down until spans are dropped. The posts that follow
// have a header with the number of lost spans by reason. Earlier posts do not have it. One sender
// sends one post after the other: the last one to arrive is the last one that began.
func TestLossesAreReported(t *testing.T) {
	for name, protocol := range map[string]string{
		"zipkin": "", "otlp over HTTP": otlp.HTTP, "otlp over gRPC": otlp.GRPC,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := all.DefaultConfig()
			c.Backend, c.ServiceName = "zipkin", "my books"
			c.Delivery.QueueBytes, c.Delivery.Senders = 1<<20, 1
			d := &downCollector{}
			if protocol == "" {
				srv := httptest.NewServer(d)
				defer srv.Close()
				c.Zipkin.URL = srv.URL + "/api/v2/spans"
			} else {
				r := receiver.NewOTLP(t, d.answer)
				d.otlp = r
				c.Backend, c.OTLP.Protocol, c.OTLP.Endpoint = "otlp", protocol, r.GRPCURL
				if protocol == otlp.HTTP {
					c.OTLP.Endpoint = r.HTTPURL
				}
			}
			var m tracer.Metrics
			tr, closer, err := all.Open(t.Context(), c, tracer.WithMetrics(&m),
				tracer.WithLogger(nil))
			if err != nil {
				t.Fatal(err)
			}
			for range 300 {
				tr.StartSpan("call").SetTag("text", strings.Repeat("x", 4000)).Finish()
			}
			if m.Stats().Sinks[c.Backend].Dropped == 0 {
				t.Fatal("have no dropped spans")
			}
			testkit.Eventually(t, "a post arrives", func() bool { return len(d.headers()) > 0 })
			d.setUp()
			before := len(d.headers())
			tr.StartSpan("call").Finish()
			if err := closer.Close(); err != nil {
				t.Error(err)
			}
			want := regexp.MustCompile(
				`^service=my%20books;instance=[0-9a-f]{16};since=\d{16};queue%20full=\d+$`)
			all := d.headers()
			if len(all) <= before || !want.MatchString(all[len(all)-1]) {
				t.Errorf("have headers %q, want the last one like %s", all, want)
			}
		})
	}
}

// A downCollector answers 503 until setUp is called.
type downCollector struct {
	otlp *receiver.OTLP // nil for Zipkin

	mu   sync.Mutex
	up   bool
	have []string // the headers of all posts to Zipkin
}

func (d *downCollector) setUp() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.up = true
}

func (d *downCollector) headers() (all []string) {
	if d.otlp == nil {
		d.mu.Lock()
		defer d.mu.Unlock()
		return slices.Clone(d.have)
	}
	// Without d.mu, which answer locks while the receiver holds its own lock.
	for _, r := range d.otlp.Requests() {
		all = append(all, strings.Join(r.Header.Get("X-Span-Losses"), " "))
	}
	return all
}

func (d *downCollector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.have = append(d.have, r.Header.Get("X-Span-Losses"))
	if !d.up {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

func (d *downCollector) answer(int) (*coltracepb.ExportTraceServiceResponse, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.up {
		return nil, status.Error(codes.Unavailable, "down")
	}
	return nil, nil
}

// TestNothingLostIsNotReported sends spans of which none is lost.
func TestNothingLostIsNotReported(t *testing.T) {
	d := &downCollector{up: true}
	srv := httptest.NewServer(d)
	defer srv.Close()
	c := all.DefaultConfig()
	c.Backend, c.ServiceName, c.Zipkin.URL = "zipkin", "books", srv.URL+"/api/v2/spans"
	tr, closer, err := all.Open(t.Context(), c, tracer.WithLogger(nil))
	if err != nil {
		t.Fatal(err)
	}
	tr.StartSpan("call").Finish()
	if err := closer.Close(); err != nil {
		t.Error(err)
	}
	if have := d.headers(); len(have) != 1 || have[0] != "" {
		t.Errorf("have headers %q, want one post without the header", have)
	}
}

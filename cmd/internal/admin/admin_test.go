package admin_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"bookservice/cmd/internal/admin"
	"bookservice/tracer"
	"bookservice/tracer/tracertest/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

// start returns a server on a free port.
func start(t *testing.T, m *tracer.Metrics) *admin.Server {
	t.Helper()
	s, err := admin.Start(admin.Config{Addr: "127.0.0.1:0"}, m, quiet)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// request returns the status and the body of a response.
func request(t *testing.T, method, url string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestBadAddress(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for addr, reason := range map[string]string{
		taken.Addr().String(): "address already in use",
		"127.0.0.1":           "missing port",
		"127.0.0.1:99999":     "invalid port",
		"192.0.2.1:0":         "cannot assign requested address",
	} {
		s, err := admin.Start(admin.Config{Addr: addr}, &tracer.Metrics{}, quiet)
		if s != nil || err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%s: have %v, %v, want %s", addr, s, err, reason)
		}
	}
}

// /metrics has every counter of the tracer, with its value.
func TestMetrics(t *testing.T) {
	m := &tracer.Metrics{}
	c := tracer.DefaultConfig()
	c.Backend, c.ServiceName, c.FlushTimeout = "log,zipkin", "books", 10*time.Millisecond
	c.Zipkin.URL = "http://" + testkit.ClosedAddr(t) + "/api/v2/spans"
	tr, closer, err := tracer.Open(
		t.Context(), c, tracer.WithMetrics(m), tracer.WithLogger(quiet))
	if err != nil {
		t.Fatal(err)
	}
	defer closer.Close()
	s := start(t, m)
	defer s.Close()
	for range 3 {
		tr.StartSpan("call").Finish()
	}
	const zipkin, log = `{sink="zipkin"}`, `{sink="log"}`
	want := map[string]string{
		"spans_finished_total":                    "3",
		"spans_sampled_out_total":                 "0",
		"spans_clamped_total":                     "0",
		"headers_malformed_total":                 "0",
		"baggage_dropped_total":                   "0",
		"sink_spans_added_total" + zipkin:         "3",
		"sink_spans_queued" + zipkin:              "3",
		"sink_spans_spooled" + zipkin:             "0",
		"sink_spans_sent_total" + zipkin:          "0",
		"sink_batches_sent_total" + zipkin:        "0",
		"sink_bytes_sent_total" + zipkin:          "0",
		"sink_spool_bytes" + zipkin:               "0",
		"sink_spans_added_total" + log:            "3",
		"sink_spans_sent_total" + log:             "3",
		"sink_spans_queued" + log:                 "0",
		`sink_queue_bytes{sink="zipkin"}`:         `[1-9]\d*`,
		`sink_sends_retried_total{sink="zipkin"}`: `[1-9]\d*`,
		`sink_send_seconds_count{sink="zipkin"}`:  `[1-9]\d*`,
		`sink_send_seconds_sum{sink="zipkin"}`:    `[0-9.e-]+`,
	}
	testkit.Eventually(t, "the counters of three spans", func() bool {
		status, text := request(t, http.MethodGet, "http://"+s.Addr()+"/metrics")
		if status != http.StatusOK {
			t.Fatalf("have status %d", status)
		}
		for name, value := range want {
			line := `(?m)^bookservice_tracer_` + regexp.QuoteMeta(name) + " " + value + "$"
			if !regexp.MustCompile(line).MatchString(text) {
				return false
			}
		}
		return strings.Contains(text, "\ngo_goroutines ")
	})
	_, text := request(t, http.MethodGet, "http://"+s.Addr()+"/metrics")
	for _, part := range []string{
		"# TYPE bookservice_tracer_sink_send_seconds histogram\n",
		"# TYPE bookservice_tracer_sink_spans_queued gauge\n",
		"# TYPE bookservice_tracer_spans_finished_total counter\n",
	} {
		if !strings.Contains(text, part) {
			t.Errorf("have no %q in\n%s", part, text)
		}
	}
	checkBuckets(t, text)
	if err := closer.Close(); err == nil {
		t.Error("have no error for three lost spans")
	}
	_, text = request(t, http.MethodGet, "http://"+s.Addr()+"/metrics")
	dropped := regexp.MustCompile(`sink_spans_dropped_total\{reason="[^"]+",sink="zipkin"\} 3\n`)
	if !dropped.MatchString(text) {
		t.Errorf("have no three dropped spans in\n%s", text)
	}
}

// checkBuckets checks that the buckets of Zipkin's histogram are cumulative: they do not decrease,
// and the last one has the count.
func checkBuckets(t *testing.T, text string) {
	t.Helper()
	before, buckets := 0, 0
	bucket := regexp.MustCompile(`send_seconds_bucket\{sink="zipkin",le="([^"]+)"\} (\d+)\n`)
	for _, m := range bucket.FindAllStringSubmatch(text, -1) {
		count, err := strconv.Atoi(m[2])
		if err != nil {
			t.Fatal(err)
		}
		if count < before {
			t.Errorf("have %d in bucket %s after %d, want cumulative buckets", count, m[1], before)
		}
		before, buckets = count, buckets+1
	}
	want := fmt.Sprintf("send_seconds_count{sink=\"zipkin\"} %d\n", before)
	if buckets < 5 || !strings.Contains(text, want) {
		t.Errorf("have %d buckets and no %q in\n%s", buckets, want, text)
	}
}

func TestOnlyMetricsAreServed(t *testing.T) {
	s := start(t, &tracer.Metrics{})
	defer s.Close()
	for _, test := range []struct {
		method, path string
		want         int
	}{
		{http.MethodGet, "/metrics", http.StatusOK},
		{http.MethodHead, "/metrics", http.StatusOK},
		{http.MethodPost, "/metrics", http.StatusMethodNotAllowed},
		{http.MethodGet, "/", http.StatusNotFound},
		{http.MethodGet, "/metrics/x", http.StatusNotFound},
		{http.MethodGet, "/debug/pprof/", http.StatusNotFound},
	} {
		if have, _ := request(t, test.method, "http://"+s.Addr()+test.path); have != test.want {
			t.Errorf("%s %s: have status %d, want %d", test.method, test.path, have, test.want)
		}
	}
}

func TestCloseFreesTheAddress(t *testing.T) {
	s := start(t, &tracer.Metrics{})
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	l, err := net.Listen("tcp", s.Addr())
	if err != nil {
		t.Fatalf("the address is still in use: %v", err)
	}
	l.Close()
}

// inFlight returns a server with a request in flight, which ends when release is closed or when the
// server cancels it. The response is sent to the channel.
func inFlight(t *testing.T, release <-chan struct{}) (*admin.Server, <-chan *http.Response) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	began := make(chan struct{})
	s := admin.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(began)
		select {
		case <-release:
			w.WriteHeader(http.StatusTeapot)
		case <-r.Context().Done():
		}
	}), quiet)
	responses := make(chan *http.Response, 1)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.Addr(), nil)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
		if err == nil {
			resp.Body.Close()
		}
		responses <- resp
	}()
	<-began
	return s, responses
}

func TestCloseCancelsARequestAfterASecond(t *testing.T) {
	testkit.Slow(t)
	s, responses := inFlight(t, nil)
	began := time.Now()
	err := s.Close()
	took := time.Since(began)
	if !errors.Is(err, context.DeadlineExceeded) || took < time.Second || took > 20*time.Second {
		t.Errorf("have %v after %v, want the end of the time limit after a second", err, took)
	}
	if resp := <-responses; resp != nil {
		t.Errorf("have %s, want the connection closed", resp.Status)
	}
}

func TestCloseLetsARequestEnd(t *testing.T) {
	release := make(chan struct{})
	s, responses := inFlight(t, release)
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	testkit.Eventually(t, "the server refuses connections", func() bool {
		conn, err := net.Dial("tcp", s.Addr())
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
	close(release)
	if resp := <-responses; resp == nil || resp.StatusCode != http.StatusTeapot {
		t.Errorf("have %v, want the handler's response", resp)
	}
	if err := <-closed; err != nil {
		t.Errorf("Close: have %v", err)
	}
}

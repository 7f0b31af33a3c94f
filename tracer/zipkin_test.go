package tracer_test

import (
	"io"
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
	"bookservice/tracer/tracertest/testkit"
)

// TestZipkinAndMemoryReportTheSameSpans sends spans in both formats, to a collector that refuses
// the first requests.
func TestZipkinAndMemoryReportTheSameSpans(t *testing.T) {
	for _, bits := range []int{128, 64} {
		for _, format := range []string{tracer.ZipkinProto, tracer.ZipkinJSON} {
			t.Run(format+" "+strconv.Itoa(bits), func(t *testing.T) {
				checkSameAsMemory(t, bits, format)
			})
		}
	}
}

func checkSameAsMemory(t *testing.T, bits int, format string) {
	to := receiver.NewZipkin(t, 2)
	c := config("zipkin,memory")
	c.TraceIDBits, c.Zipkin.Format = bits, format
	c.Address, c.Zipkin.URL = "[::1]:50051", to.URL
	m := &tracer.Memory{}
	tr, closer := open(t, c, tracer.WithMemory(m))
	root := tr.StartSpan("root")
	for range 1000 {
		s := tr.StartSpan("book.BookService/GetBookInfo", opentracing.ChildOf(root.Context()),
			opentracing.Tags{
				"span.kind": "client", "peer.service": "books", "peer.ipv4": "10.0.0.1",
				"peer.port": 80, "long": string(make([]byte, 300)),
			})
		s.LogFields(log.String("event", "retry"), log.Int("n", 1))
		s.SetTag("error", true).Finish()
	}
	root.Finish()
	if err := closer.Close(); err != nil {
		t.Fatal(err)
	}
	var want []model.SpanModel
	for _, s := range m.Spans() {
		s.Timestamp = s.Timestamp.Truncate(time.Microsecond)
		s.Duration = (s.Duration + 500).Truncate(time.Microsecond)
		for i := range s.Annotations {
			a := &s.Annotations[i]
			a.Timestamp = a.Timestamp.Truncate(time.Microsecond)
		}
		s.Sampled = nil // the formats have no such field
		want = append(want, s)
	}
	byID := func(a, b model.SpanModel) bool { return a.ID < b.ID }
	opts := cmp.Options{
		cmpopts.EquateEmpty(), cmpopts.EquateApproxTime(0), cmpopts.SortSlices(byID),
	}
	if diff := cmp.Diff(want, to.Spans(t), opts); diff != "" || len(want) != 1001 {
		t.Errorf("have %d spans, want 1001: -want +have\n%.2000s", len(want), diff)
	}
}

// TestDurationsAreRoundedToMicroseconds checks the durations that a collector receives.
func TestDurationsAreRoundedToMicroseconds(t *testing.T) {
	for _, format := range []string{tracer.ZipkinProto, tracer.ZipkinJSON} {
		to := receiver.NewZipkin(t, 0)
		c := config("zipkin")
		c.Zipkin.URL, c.Zipkin.Format = to.URL, format
		tr, closer := open(t, c)
		start := time.Now()
		for _, d := range []time.Duration{1499, 1500, 2499} {
			tr.StartSpan(strconv.Itoa(int(d)), opentracing.StartTime(start)).FinishWithOptions(
				opentracing.FinishOptions{FinishTime: start.Add(d)})
		}
		if err := closer.Close(); err != nil {
			t.Fatal(err)
		}
		have := map[string]time.Duration{}
		for _, s := range to.Spans(t) {
			have[s.Name] = s.Duration
		}
		const µs = time.Microsecond
		want := map[string]time.Duration{"1499": µs, "1500": 2 * µs, "2499": 2 * µs}
		if diff := cmp.Diff(want, have); diff != "" {
			t.Errorf("%s: -want +have\n%s", format, diff)
		}
	}
}

// TestZipkinFormats checks the headers and the beginning of the posts in each format.
func TestZipkinFormats(t *testing.T) {
	for name, test := range map[string]struct {
		format      string
		gzip        string
		compressed  bool
		contentType string
		first       string // byte of the uncompressed body
	}{
		"proto":         {tracer.ZipkinProto, "false", false, "application/x-protobuf", "\n"},
		"proto, gzip":   {tracer.ZipkinProto, "true", true, "application/x-protobuf", "\n"},
		"json":          {tracer.ZipkinJSON, "false", false, "application/json", "["},
		"loopback":      {tracer.ZipkinProto, "auto", false, "application/x-protobuf", "\n"},
		"json and gzip": {tracer.ZipkinJSON, "true", true, "application/json", "["},
	} {
		t.Run(name, func(t *testing.T) {
			posts := make(chan [3]string, 10)
			accept := func(_ http.ResponseWriter, r *http.Request) {
				body, err := receiver.Body(r)
				if err != nil || len(body) == 0 {
					t.Errorf("have body %q, %v", body, err)
					return
				}
				h := r.Header
				posts <- [3]string{
					h.Get("Content-Type"), h.Get("Content-Encoding"), string(body[:1]),
				}
			}
			srv := httptest.NewServer(http.HandlerFunc(accept))
			defer srv.Close()
			c := config("zipkin")
			c.Zipkin.URL, c.Zipkin.Format, c.Zipkin.Gzip = srv.URL, test.format, test.gzip
			if err := sendOne(t, c); err != nil {
				t.Fatal(err)
			}
			want := [3]string{test.contentType, "", test.first}
			if test.compressed {
				want[1] = "gzip"
			}
			if have := <-posts; have != want {
				t.Errorf("have %q, want %q", have, want)
			}
		})
	}
}

// TestZipkinRedirectIsAnError sends to collectors that redirect to a login page, or to another
// host. The spans are lost, nothing is requested there, and Close returns in time.
func TestZipkinRedirectIsAnError(t *testing.T) {
	t.Parallel()
	var followed atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		followed.Add(1)
	}))
	defer other.Close()
	for _, status := range []int{300, 301, 302, 303, 307, 308} {
		for _, location := range []string{"/login", other.URL, ""} {
			t.Run(strconv.Itoa(status)+" "+location, func(t *testing.T) {
				t.Parallel()
				srv := httptest.NewServer(http.HandlerFunc(
					func(w http.ResponseWriter, r *http.Request) {
						if r.URL.Path == "/login" {
							followed.Add(1)
							return
						}
						w.Header().Set("Location", location)
						w.WriteHeader(status)
						_, _ = io.WriteString(w, "please\nlog in")
					}))
				defer srv.Close()
				c := config("zipkin")
				c.Zipkin.URL, c.FlushTimeout = srv.URL+"/api/v2/spans", 300*time.Millisecond
				want := "1 spans lost: the collector answered " + strconv.Itoa(status) + " " +
					http.StatusText(status) + ": please log in"
				start := time.Now()
				if err := sendOne(t, c); err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("have %v, want %s", err, want)
				}
				if took := time.Since(start); took > c.FlushTimeout+time.Second {
					t.Errorf("Close took %v, want the flush timeout", took)
				}
			})
		}
	}
	t.Cleanup(func() {
		if n := followed.Load(); n != 0 {
			t.Errorf("have %d requests elsewhere, want none", n)
		}
	})
}

// TestSlowZipkinIsWaitedFor has a collector that stores spans and answers after 12 s. The attempts
// after two time-outs of 10 s have more time, so the third one succeeds.
func TestSlowZipkinIsWaitedFor(t *testing.T) {
	testkit.Slow(t)
	t.Parallel()
	to := &receiver.Zipkin{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		to.ServeHTTP(w, r)
		<-time.After(12 * time.Second)
	}))
	defer srv.Close()
	c := config("zipkin")
	c.Zipkin.URL = srv.URL + "/api/v2/spans"
	m := &tracer.Metrics{}
	tr, closer := open(t, c, tracer.WithMetrics(m))
	tr.StartSpan("call").Finish()
	start := time.Now()
	for m.Stats().Sinks["zipkin"].Sent == 0 && time.Since(start) < time.Minute {
		<-time.After(100 * time.Millisecond)
	}
	if err := closer.Close(); err != nil || len(to.Spans(t)) != 3 {
		t.Errorf("have %v after %d attempts, want success with the third", err, len(to.Spans(t)))
	}
}

// TestZipkinTimeoutSetting has a collector that does not answer the first post. The attempt ends
// after the time of the setting.
func TestZipkinTimeoutSetting(t *testing.T) {
	t.Parallel()
	to := &receiver.Zipkin{}
	var posts atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if posts.Add(1) == 1 {
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
			return
		}
		to.ServeHTTP(w, r)
	}))
	defer srv.Close()
	c := config("zipkin")
	c.Zipkin.URL, c.Zipkin.Timeout = srv.URL+"/api/v2/spans", 200*time.Millisecond
	tr, closer := open(t, c)
	start := time.Now()
	tr.StartSpan("call").Finish()
	testkit.Eventually(t, "the span arrives", func() bool { return len(to.Spans(t)) == 1 })
	if took := time.Since(start); took < 200*time.Millisecond || took > 5*time.Second {
		t.Errorf("have the span sent again after %v, want 200 ms", took)
	}
	if err := closer.Close(); err != nil {
		t.Error(err)
	}
}

// A wrapped RoundTripper is what programs put in place of [http.DefaultTransport].
type wrapped struct{ http.RoundTripper }

// TestOpenWithAnotherDefaultTransport replaces [http.DefaultTransport], before and after Open,
// by one that fails. Spans do not pass through it.
func TestOpenWithAnotherDefaultTransport(t *testing.T) {
	before := http.DefaultTransport
	t.Cleanup(func() { http.DefaultTransport = before })
	for _, replacement := range []http.RoundTripper{
		wrapped{http.NewFileTransport(http.Dir(t.TempDir()))}, nil,
	} {
		to := receiver.NewZipkin(t, 0)
		c := config("zipkin")
		c.Zipkin.URL = to.URL
		http.DefaultTransport = replacement
		if err := sendOne(t, c); err != nil {
			t.Errorf("replaced before Open: %v", err)
		}
		http.DefaultTransport = before
		tr, closer := open(t, c)
		http.DefaultTransport = replacement
		tr.StartSpan("call").Finish()
		if err := closer.Close(); err != nil || len(to.Spans(t)) != 2 {
			t.Errorf("replaced after Open: %v, and %d spans, want 2", err, len(to.Spans(t)))
		}
		http.DefaultTransport = before
	}
}

package prometheus_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/opentracing/opentracing-go"
	client "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"bookservice/tracer"
	"bookservice/tracer/delivery"
	"bookservice/tracer/finished"
	"bookservice/tracer/prometheus"
)

// backend is a backend over a queue with this send function.
func backend(send delivery.SendFunc) tracer.Option {
	encode := func(b []byte, s *finished.Span) []byte { return append(b, s.Model.Name...) }
	return tracer.WithBackend(tracer.Backend{
		Name: "queue",
		Open: func(_ context.Context, s tracer.Settings) (tracer.Sink, error) {
			return s.Queue(tracer.Destination{Encode: encode, Send: send})
		},
	})
}

// scrape returns the text that a scrape of /metrics shows.
func scrape(t *testing.T, registry *client.Registry) string {
	t.Helper()
	srv := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	defer srv.Close()
	resp, err := http.Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// values returns the lines of a scrape without comments.
func values(t *testing.T, registry *client.Registry) (lines []string) {
	t.Helper()
	for line := range strings.Lines(scrape(t, registry)) {
		if !strings.HasPrefix(line, "#") {
			lines = append(lines, strings.TrimSuffix(line, "\n"))
		}
	}
	return lines
}

// TestCollectorBeforeOpen registers a collector before the tracer is opened, and reads zeros.
func TestCollectorBeforeOpen(t *testing.T) {
	registry, metrics := client.NewPedanticRegistry(), &tracer.Metrics{}
	if err := registry.Register(prometheus.NewCollector(metrics)); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"bookservice_tracer_baggage_dropped_total 0",
		"bookservice_tracer_headers_malformed_total 0",
		"bookservice_tracer_spans_clamped_total 0",
		"bookservice_tracer_spans_finished_total 0",
		"bookservice_tracer_spans_live_total 0",
		"bookservice_tracer_spans_sampled_out_total 0",
		"bookservice_tracer_spans_unfinished_total 0",
	}
	if have := values(t, registry); !slices.Equal(have, want) {
		t.Errorf("have %q, want %q", have, want)
	}
	c := tracer.DefaultConfig()
	c.Backend, c.ServiceName = "memory", "books"
	tr, closer, err := tracer.Open(t.Context(), c, tracer.WithMetrics(metrics))
	if err != nil {
		t.Fatal(err)
	}
	tr.StartSpan("call").Finish()
	if err := closer.Close(); err != nil {
		t.Error(err)
	}
	const finishedSpans = "bookservice_tracer_spans_finished_total 1"
	if have := values(t, registry); !slices.Contains(have, finishedSpans) {
		t.Errorf("have %q, want %q", have, finishedSpans)
	}
}

// TestCollector compares a scrape with the events that were caused.
func TestCollector(t *testing.T) {
	registry, metrics := client.NewPedanticRegistry(), &tracer.Metrics{}
	registry.MustRegister(prometheus.NewCollector(metrics))
	c := tracer.DefaultConfig()
	c.Backend, c.ServiceName, c.Propagation.BaggageAllow = "queue,log", "books", "user"
	c.Delivery.Senders = 1
	attempts := 0
	tr, closer, err := tracer.Open(t.Context(), c,
		tracer.WithMetrics(metrics), tracer.WithLogger(nil),
		backend(func(_ context.Context, b delivery.Batch) error {
			switch attempts++; {
			case attempts == 1:
				return errors.New("not now")
			case b.Len() > 1:
				return &delivery.SendError{
					Kind: delivery.Partial, Rejected: 1, Err: errors.New("odd"),
				}
			}
			return nil
		}))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	tr.StartSpan("ends before its start", opentracing.StartTime(now)).
		FinishWithOptions(opentracing.FinishOptions{FinishTime: now.Add(-time.Hour)})
	tr.StartSpan("call").SetBaggageItem("other", "x").Finish()
	tr.StartSpan("off", opentracing.Tag{Key: "sampling.priority", Value: 0}).Finish()
	_, _ = tr.Extract(opentracing.TextMap, opentracing.TextMapCarrier{"b3": "malformed"})
	if err := closer.Close(); err == nil || !strings.Contains(err.Error(), "1 refused") {
		t.Errorf("have error %v, want 1 span refused", err)
	}
	tr.StartSpan("late").Finish()
	have := map[string]string{}
	for _, line := range values(t, registry) {
		name, value, _ := strings.Cut(line, " ")
		have[strings.TrimPrefix(name, "bookservice_tracer_")] = value
	}
	const bytesSent = len("ends before its start") + len("call")
	for name, want := range map[string]string{
		"baggage_dropped_total":   "1",
		"headers_malformed_total": "1",
		"spans_clamped_total":     "1",
		"spans_finished_total":    "3",
		"spans_sampled_out_total": "1",

		`sink_spans_added_total{sink="queue"}`:                    "3",
		`sink_spans_sent_total{sink="queue"}`:                     "1",
		`sink_spans_queued{sink="queue"}`:                         "0",
		`sink_spans_spooled{sink="queue"}`:                        "0",
		`sink_spans_dropped_total{reason="refused",sink="queue"}`: "1",
		`sink_spans_dropped_total{reason="closed",sink="queue"}`:  "1",
		`sink_queue_bytes{sink="queue"}`:                          "0",
		`sink_spool_bytes{sink="queue"}`:                          "0",
		`sink_sends_retried_total{sink="queue"}`:                  "1",
		`sink_batches_sent_total{sink="queue"}`:                   "1",
		`sink_bytes_sent_total{sink="queue"}`:                     strconv.Itoa(bytesSent),
		`sink_send_seconds_count{sink="queue"}`:                   "2",
		`sink_send_seconds_bucket{sink="queue",le="+Inf"}`:        "2",
		`sink_send_seconds_bucket{sink="queue",le="10"}`:          "2",
		`sink_spans_added_total{sink="log"}`:                      "3",
		`sink_spans_sent_total{sink="log"}`:                       "2",
		`sink_spans_dropped_total{reason="closed",sink="log"}`:    "1",
		`sink_send_seconds_count{sink="log"}`:                     "0",
	} {
		if have[name] != want {
			t.Errorf("%s: have %q, want %s", name, have[name], want)
		}
	}
	for _, bound := range delivery.LatencyBounds() {
		le := strconv.FormatFloat(bound.Seconds(), 'g', -1, 64)
		if _, ok := have[`sink_send_seconds_bucket{sink="queue",le="`+le+`"}`]; !ok {
			t.Errorf("have no bucket of %s s", le)
		}
	}
	checkSum(t, have, "queue")
	checkSum(t, have, "log")
}

// checkSum checks the sum in the package's documentation.
func checkSum(t *testing.T, metrics map[string]string, sink string) {
	t.Helper()
	value := func(name string) (n float64) {
		for key, text := range metrics {
			base, labels, _ := strings.Cut(key, "{")
			if base == name && strings.Contains(labels, `sink="`+sink+`"`) {
				v, err := strconv.ParseFloat(text, 64)
				if err != nil {
					t.Fatal(err)
				}
				n += v
			}
		}
		return n
	}
	added := value("sink_spans_added_total")
	sum := value("sink_spans_sent_total") + value("sink_spans_queued") +
		value("sink_spans_spooled") + value("sink_spans_dropped_total")
	if added != sum || added == 0 {
		t.Errorf("%s: have %v spans added, and a sum of %v", sink, added, sum)
	}
}

// TestLatencyBucketsAreCumulative sends batches that take different times.
func TestLatencyBucketsAreCumulative(t *testing.T) {
	registry, metrics := client.NewPedanticRegistry(), &tracer.Metrics{}
	registry.MustRegister(prometheus.NewCollector(metrics))
	c := tracer.DefaultConfig()
	c.Backend, c.ServiceName = "queue", "books"
	attempts := 0
	tr, closer, err := tracer.Open(t.Context(), c, tracer.WithMetrics(metrics),
		tracer.WithLogger(nil), backend(func(context.Context, delivery.Batch) error {
			attempts++
			if attempts == 1 {
				<-time.After(30 * time.Millisecond)
				return errors.New("not now")
			}
			return nil
		}))
	if err != nil {
		t.Fatal(err)
	}
	tr.StartSpan("call").Finish()
	if err := closer.Close(); err != nil {
		t.Error(err)
	}
	last, seen := 0.0, 0
	for _, line := range values(t, registry) {
		name, text, _ := strings.Cut(line, " ")
		value, err := strconv.ParseFloat(text, 64)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case strings.Contains(name, "send_seconds_sum"):
			if value < 0.03 || value > 30 {
				t.Errorf("have a sum of %v s, want about 0.03 s", value)
			}
		case strings.Contains(name, "send_seconds_bucket"):
			if seen++; value < last {
				t.Errorf("%s: have %v after %v, want cumulative buckets", name, value, last)
			}
			last = value
		}
	}
	if seen != len(delivery.LatencyBounds())+1 || last != 2 {
		t.Errorf("have %d buckets up to %v, want 2 attempts", seen, last)
	}
}

// TestMetricsPassTheLinter checks names and help texts with Prometheus's rules.
func TestMetricsPassTheLinter(t *testing.T) {
	metrics := &tracer.Metrics{}
	c := tracer.DefaultConfig()
	c.Backend, c.ServiceName = "queue", "books"
	_, closer, err := tracer.Open(t.Context(), c, tracer.WithMetrics(metrics),
		backend(func(context.Context, delivery.Batch) error { return nil }))
	if err != nil {
		t.Fatal(err)
	}
	defer closer.Close()
	registry := client.NewPedanticRegistry()
	registry.MustRegister(prometheus.NewCollector(metrics))
	problems, err := promlint.New(strings.NewReader(scrape(t, registry))).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("have %v, %v", problems, err)
	}
}

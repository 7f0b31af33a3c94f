package e2e_test

import (
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var adminAt = regexp.MustCompile(`msg=admin addr=(\S+)`)

// Operators see what becomes of the spans, on a loopback address.
func TestMetrics(t *testing.T) {
	t.Parallel()
	e := startEtcd(t)
	// A collector that nobody runs, and a log that takes everything.
	p, _ := serve(t, append(e.at(), "-admin-addr", "127.0.0.1:0", "-tracer", "zipkin,log", "-zipkin-url", "http://127.0.0.1:1/api/v2/spans")...)
	if code, _, errs := do(t, "bookclient", e.at()); code != 0 {
		t.Fatalf("bookclient: status %d: %s", code, errs)
	}
	want := []string{
		"bookservice_tracer_spans_finished_total 2",
		"bookservice_tracer_spans_sampled_out_total 0",
		`bookservice_tracer_sink_spans_added_total{sink="zipkin"} 2`,
		`bookservice_tracer_sink_spans_queued{sink="zipkin"} 2`,
		`bookservice_tracer_sink_spans_sent_total{sink="log"} 2`,
		`bookservice_tracer_sink_send_seconds_bucket{sink="zipkin",le="+Inf"}`,
		"go_goroutines ",
	}
	eventually(t, "the counters tell of both spans", func() bool {
		text := metrics(t, p)
		return !slices.ContainsFunc(want, func(line string) bool { return !strings.Contains(text, "\n"+line) })
	})
}

// metrics returns what a bookserver tells Prometheus.
func metrics(t *testing.T, p *process) string {
	t.Helper()
	found := adminAt.FindStringSubmatch(p.errs.String())
	if found == nil {
		t.Fatalf("no address in %q", p.errs.String())
	}
	resp, err := http.Get("http://" + found[1] + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("have %s, %v", resp.Status, err)
	}
	return string(text)
}

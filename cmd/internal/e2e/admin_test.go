package e2e_test

import (
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"bookservice/tracer/tracertest/testkit"
)

var adminAddr = regexp.MustCompile(`msg="serving metrics" addr=(\S+)`)

// The counters of spans are served on a loopback address.
func TestMetrics(t *testing.T) {
	t.Parallel()
	e := startEtcd(t)
	// A collector that is down, and a log that accepts everything.
	p, _ := serve(t, append(e.at(), "-admin-addr", "127.0.0.1:0", "-tracer", "zipkin,log",
		"-zipkin-url", "http://127.0.0.1:1/api/v2/spans")...)
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
	testkit.Eventually(t, "the counters have both spans", func() bool {
		text := metrics(t, p)
		missing := func(line string) bool { return !strings.Contains(text, "\n"+line) }
		return !slices.ContainsFunc(want, missing)
	})
}

// metrics returns the metrics of a bookserver in Prometheus' text format.
func metrics(t *testing.T, p *process) string {
	t.Helper()
	found := adminAddr.FindStringSubmatch(p.errs.String())
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

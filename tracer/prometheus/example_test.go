package prometheus_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	client "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"bookservice/tracer"
	"bookservice/tracer/prometheus"
)

// A service with a registry of its own registers the collector and serves /metrics.
func ExampleNewCollector() {
	metrics := &tracer.Metrics{}
	registry := client.NewRegistry()
	registry.MustRegister(prometheus.NewCollector(metrics))
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	server := httptest.NewServer(mux)
	defer server.Close()

	c := tracer.DefaultConfig()
	c.Backend, c.ServiceName = "memory", "books"
	tr, closer, err := tracer.Open(context.Background(), c, tracer.WithMetrics(metrics))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer closer.Close()
	tr.StartSpan("find").Finish()

	resp, err := http.Get(server.URL + "/metrics")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	for line := range strings.Lines(string(body)) {
		if strings.Contains(line, "spans_finished") {
			fmt.Print(line)
		}
	}
	// Output:
	// # HELP bookservice_tracer_spans_finished_total Recorded spans that have finished.
	// # TYPE bookservice_tracer_spans_finished_total counter
	// bookservice_tracer_spans_finished_total 1
}

package collector_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"bookservice/tracer/collector"
)

// All methods may be called concurrently: senders, readers, listeners, and Clear.
func TestCollectorIsUsedConcurrently(t *testing.T) {
	config := collector.DefaultConfig()
	config.MaxBytes = 1 << 20
	c, err := collector.New(config)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(method, path string) {
		r := httptest.NewRequest(method, "http://localhost"+path, nil)
		w := httptest.NewRecorder()
		c.ServeHTTP(w, r)
		if w.Code >= http.StatusInternalServerError {
			t.Errorf("%s: have %d", path, w.Code)
		}
	}
	var senders, others sync.WaitGroup
	for n := range 2 {
		senders.Go(func() {
			for i := range 40 {
				post(c, "application/json", spanBody(2*i+n))
				post(c, "application/json", spanBody(2*i+n)) // the same, to be compared
			}
		})
	}
	for _, path := range []string{
		"/api/v2/traces?limit=100&annotationQuery=layer", "/api/v2/services",
		"/api/v2/dependencies?endTs=99999999999999&lookback=99999999999999",
		"/api/v2/summaries?text=transport", "/api/v2/running", "/api/v2/losses",
		"/api/v2/durations?service=bookserver&name=book.bookservice/getinfo", "/metrics",
		fmt.Sprintf("/api/v2/trace/%032x", int64(1)<<40|1),
	} {
		others.Go(func() {
			for range 20 {
				ask(http.MethodGet, path)
			}
		})
	}
	others.Go(func() { ask(http.MethodPost, "/api/v2/clear") })
	senders.Wait()
	others.Wait()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

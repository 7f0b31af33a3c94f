package tracepage_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"bookservice/tracer/collector/page"
)

// The tests are in testdata/modules.js; the browser runs them.
func TestModules(t *testing.T) {
	mux := http.NewServeMux()
	mux.Handle("/zipkin/page/", http.StripPrefix("/zipkin/page/", http.FileServerFS(page.Files())))
	mux.Handle("/testdata/", http.FileServer(http.Dir(".")))
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<!doctype html><title>tests</title>"))
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	b := newTab(t, s.URL)
	b.visit("/")
	type result struct{ Name, Error string }
	results := value[[]result](b, "import('/testdata/modules.js').then(m => m.run())")
	if len(results) < 30 {
		t.Errorf("have %d results, want 30 or more", len(results))
	}
	for _, r := range results {
		t.Run(r.Name, func(t *testing.T) {
			if r.Error != "" {
				t.Error(r.Error)
			}
		})
	}
}

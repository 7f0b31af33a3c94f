package browser_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"bookservice/tracer/collector"
	"bookservice/tracer/tracertest/testkit"
	"bookservice/tracer/tracertest/zipkinserver"
)

// Zipkin's own page, Lens, shows the list of traces, a trace and the graph of services that the
// collector has.
func TestZipkinsPageShowsTheCollectorsTraces(t *testing.T) {
	browser, lens := find(t), lensFiles(t)
	c, err := collector.New(collector.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	index, err := fs.ReadFile(lens, "index.html")
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/zipkin/static/", http.StripPrefix("/zipkin/", http.FileServerFS(lens)))
	page := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(index)
	}
	for _, path := range []string{"/zipkin/{$}", "/zipkin/traces/", "/zipkin/dependency"} {
		mux.HandleFunc("GET "+path, page)
	}
	var asked questions
	mux.Handle("/", asked.record(c))
	server := httptest.NewServer(mux)
	defer server.Close()

	now := time.Now().Add(-time.Second).UnixMicro()
	spans := fmt.Sprintf(`[
		{"traceId":"5af7183fb1d4cf5f5af7183fb1d4cf5f","id":"1","name":"checkout","kind":"SERVER",
		 "timestamp":%[1]d,"duration":90000,"localEndpoint":{"serviceName":"frontshop"}},
		{"traceId":"5af7183fb1d4cf5f5af7183fb1d4cf5f","id":"2","parentId":"1","name":"reserve",
		 "kind":"CLIENT","timestamp":%[2]d,"duration":50000,
		 "localEndpoint":{"serviceName":"frontshop"},
		 "tags":{"error":"sold out"}},
		{"traceId":"5af7183fb1d4cf5f5af7183fb1d4cf5f","id":"2","parentId":"1","name":"reserve",
		 "kind":"SERVER","shared":true,"timestamp":%[3]d,"duration":40000,
		 "localEndpoint":{"serviceName":"stockroom"}},
		{"traceId":"5af7183fb1d4cf5f5af7183fb1d4cf5f","id":"3","parentId":"2","name":"select",
		 "kind":"CLIENT","timestamp":%[3]d,"duration":1000,
		 "localEndpoint":{"serviceName":"stockroom"},
		 "remoteEndpoint":{"serviceName":"ledgerdb"}}]`, now, now+1000, now+2000)
	resp, err := http.Post(server.URL+"/api/v2/spans", "application/json", strings.NewReader(spans))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusAccepted {
		t.Fatalf("have %s", resp.Status)
	}

	list := fmt.Sprintf("%s/zipkin/?serviceName=frontshop&lookback=15m&endTs=%d&limit=10",
		server.URL, time.Now().UnixMilli()+1000)
	checkPage(t, browser, list, "frontshop", "checkout", "90.000ms", "1 result")
	checkPage(t, browser, server.URL+"/zipkin/traces/5af7183fb1d4cf5f5af7183fb1d4cf5f",
		"checkout", "reserve", "select", "stockroom", "total spans")
	graph := fmt.Sprintf("%s/zipkin/dependency?startTime=%d&endTime=%d", server.URL,
		time.Now().Add(-time.Hour).UnixMilli(), time.Now().Add(time.Minute).UnixMilli())
	checkPage(t, browser, graph, "start time", "end time") // the graph itself is a canvas
	for _, path := range []string{
		"/zipkin/config.json", "/zipkin/api/v2/services", "/zipkin/api/v2/traces",
		"/zipkin/api/v2/trace/5af7183fb1d4cf5f5af7183fb1d4cf5f", "/zipkin/api/v2/dependencies",
	} {
		testkit.Eventually(t, "the page has asked for "+path, func() bool {
			return asked.done(path)
		})
	}
	if failed := asked.failures(); len(failed) > 0 {
		t.Errorf("have %v, want no failures", failed)
	}
}

// questions are the paths that a page has asked for, with the status of the answers.
type questions struct{ answers sync.Map }

func (q *questions) record(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		h.ServeHTTP(status, r)
		q.answers.Store(r.URL.Path, status.status)
	})
}

func (q *questions) done(path string) bool {
	status, ok := q.answers.Load(path)
	return ok && status == http.StatusOK
}

func (q *questions) failures() (failed []string) {
	q.answers.Range(func(path, status any) bool {
		if status.(int) >= 400 && path != "/favicon.ico" {
			failed = append(failed, fmt.Sprint(path, " ", status))
		}
		return true
	})
	return failed
}

type statusWriter struct {
	http.ResponseWriter

	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// lensFiles returns the files of Zipkin's page, which are a jar in the server's jar.
func lensFiles(t *testing.T) fs.FS {
	t.Helper()
	name := os.Getenv(zipkinserver.Jar)
	if name == "" {
		t.Skipf("%s names no Zipkin jar; bash .ci/run fetches one", zipkinserver.Jar)
	}
	jar, err := zip.OpenReader(name)
	if err != nil {
		t.Fatal(err)
	}
	defer jar.Close()
	inner, err := fs.Glob(jar, "BOOT-INF/lib/zipkin-lens-*.jar")
	if err != nil || len(inner) != 1 {
		t.Fatalf("have jars of the page %v, %v, want one", inner, err)
	}
	f, err := jar.Open(inner[0])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	content, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	files, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	lens, err := fs.Sub(files, "zipkin-lens")
	if err != nil {
		t.Fatal(err)
	}
	return lens
}

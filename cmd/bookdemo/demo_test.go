package main

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"bookservice/tracer/tracertest/receiver"
	"bookservice/tracer/tracertest/testkit"
)

// A running demo has written its addresses.
type running struct {
	out, errs testkit.Buffer
	page      string // URL
	cancel    func()
	status    chan int
}

// start runs the demo and waits until its load runs.
func start(t *testing.T, args ...string) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r := &running{cancel: cancel, status: make(chan int, 1)}
	if !strings.Contains(strings.Join(args, " "), "-collector-addr") {
		args = append(args, "-collector-addr", "127.0.0.1:0")
	}
	go func() { r.status <- run(ctx, args, &r.out, &r.errs) }()
	testkit.Eventually(t, "the load runs", func() bool {
		return strings.Contains(r.out.String(), "Ctrl-C ends it") || len(r.status) > 0
	})
	if m := regexp.MustCompile(`trace page +(\S+)`).FindStringSubmatch(r.out.String()); m != nil {
		r.page = m[1]
	}
	return r
}

// stop ends the demo as Ctrl-C does, and checks that it ends in time and leaves nothing running.
func (r *running) stop(t *testing.T) {
	t.Helper()
	limit := 2 * time.Second
	if testkit.RaceDetector {
		limit *= 3
	}
	began := time.Now()
	r.cancel()
	if code := <-r.status; code != 0 {
		t.Errorf("have status %d and %s", code, r.errs.String())
	}
	if took := time.Since(began); took > limit {
		t.Errorf("have the demo stopped after %v, want at most %v", took, limit)
	}
}

// get decodes an answer of the collector, and returns its body.
func get(t *testing.T, url string, to any) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if to != nil && json.Unmarshal(body, to) != nil {
		t.Errorf("%s: have %s", url, body)
	}
	return string(body)
}

type summaries struct {
	Summaries []struct {
		TraceID             string
		Spans, Errors, Open int
	}
}

// The page fills itself with whole traces, the trace whose address is printed is one of them, and
// Ctrl-C stops everything in time.
func TestDemoShowsLiveTraces(t *testing.T) {
	testkit.Slow(t)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	r := start(t, "-rate", "20")
	defer http.DefaultClient.CloseIdleConnections()
	if body := get(t, r.page, nil); !strings.Contains(body, "<html") {
		t.Errorf("have page %.200s", body)
	}
	m := regexp.MustCompile(`trace: (\w+)  (\S+)`).FindStringSubmatch(r.out.String())
	if m == nil || !strings.HasPrefix(m[2], r.page+"traces/") {
		t.Fatalf("have no address of a trace in %s", r.out.String())
	}
	testkit.Eventually(t, "whole traces arrive", func() bool {
		var s summaries
		get(t, r.page+"api/v2/summaries", &s)
		whole := 0
		for _, trace := range s.Summaries {
			if trace.Spans == 5 && trace.Errors == 0 && trace.Open == 0 {
				whole++
			}
		}
		var spans []any
		get(t, r.page+"api/v2/trace/"+m[1], &spans)
		return whole >= 10 && len(spans) == 5
	})
	r.stop(t)
}

// An address that is taken is replaced by a free port, and the demo says so.
func TestDemoChoosesAnotherPort(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	addr := l.Addr().String()
	r := start(t, "-rate", "1", "-collector-addr", addr)
	if !strings.Contains(r.out.String(), addr+" is not free") || r.page == "" ||
		strings.Contains(r.page, addr) {
		t.Errorf("have page %s and\n%s", r.page, r.out.String())
	}
	r.stop(t)
}

// Spans go to another Zipkin if it is named.
func TestDemoSendsToAnotherZipkin(t *testing.T) {
	z := receiver.NewZipkin(t, 0)
	r := start(t, "-rate", "20", "-zipkin-url", z.URL)
	testkit.Eventually(t, "spans arrive", func() bool { return len(z.Spans(t)) >= 20 })
	base := strings.TrimSuffix(z.URL, "/api/v2/spans")
	if r.page != "" || !strings.Contains(r.out.String(), base) {
		t.Errorf("have\n%s", r.out.String())
	}
	r.stop(t)
}

// Ctrl-C ends the demo in time even if nothing receives the spans.
func TestDemoEndsInTimeWithoutZipkin(t *testing.T) {
	testkit.Slow(t)
	r := start(t, "-rate", "20", "-zipkin-url", "http://"+testkit.ClosedAddr(t))
	r.stop(t)
}

// Every fault happens, the page shows errors and slow spans that are open, and the parts come back.
func TestDemoWithFaults(t *testing.T) {
	testkit.Slow(t)
	r := start(t, "-rate", "20", "-fault",
		"latency=4s,error=10%,kill=5s,etcd=5s,collector=6s")
	defer http.DefaultClient.CloseIdleConnections()
	for _, line := range []string{
		"a new bookserver runs at", "etcd runs again", "the collector runs again",
	} {
		testkit.Eventually(t, line, func() bool { return strings.Contains(r.out.String(), line) })
	}
	testkit.Eventually(t, "the page has errors and open spans", func() bool {
		var s summaries
		if body := get(t, r.page+"api/v2/summaries", nil); strings.HasPrefix(body, "{") {
			get(t, r.page+"api/v2/summaries", &s) // otherwise the collector is stopped
		}
		errors, open := 0, 0
		for _, trace := range s.Summaries {
			errors, open = errors+trace.Errors, open+trace.Open
		}
		return errors > 0 && open > 0
	})
	r.stop(t)
}

// A wrong setting is one line, and status 2.
func TestDemoRejectsBadSettings(t *testing.T) {
	for args, want := range map[string]string{
		"-rate=-1":                "-rate -1: must be 0 to 1000",
		"-fault=disk=3s":          `-fault "disk=3s": must have the names collector, error, etcd, `,
		"-fault=kill=1s":          `-fault "kill=1s": must have kill of 5s or more`,
		"-fault=etcd":             `-fault "etcd": must have a duration such as etcd=20s`,
		"-fault=error=5":          `-fault "error=5": must have error=0% to error=100%`,
		"-fault=error=101%":       `-fault "error=101%": must have error=0% to error=100%`,
		"-collector-addr=x":       `-collector-addr "x": must be host:port with a port of 0 `,
		"-zipkin-url=zipkin":      `-zipkin-url "zipkin": must be like http://`,
		"-fault=kill=10s,,":       `-fault "kill=10s,,": must have the names`,
		"-fault=latency=fast":     `-fault "latency=fast": must have a duration such as `,
		"-rate=NaN":               "-rate NaN: must be 0 to 1000",
		"-fault=collector=4999ms": `-fault "collector=4999ms": must have collector of 5s or more`,
	} {
		var out, errs testkit.Buffer
		code := run(t.Context(), []string{args}, &out, &errs)
		if code != 2 || !strings.HasPrefix(errs.String(), "bookdemo: "+want) ||
			strings.Count(errs.String(), "\n") != 1 {
			t.Errorf("%s: have status %d and %q, want 2 and %s", args, code, errs.String(), want)
		}
	}
}

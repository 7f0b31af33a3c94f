// Package zipkinserver runs a real Zipkin in a process of its own, for tests that read spans back.
package zipkinserver

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openzipkin/zipkin-go/model"

	"bookservice/tracer/tracertest/testkit"
)

// Jar is the environment variable that names the jar of a Zipkin server.
const Jar = "ZIPKIN_JAR"

// A Server is a running Zipkin.
type Server struct {
	// URL is the server's address without a path, like http://127.0.0.1:9411.
	URL string
	// Addr is the same as host:port.
	Addr string

	env  []string
	java *exec.Cmd
	done chan struct{}
	log  testkit.Buffer
}

// Start starts the server of the jar that ZIPKIN_JAR names, on a free port of 127.0.0.1 and with
// its spans in memory, and stops it at the end of the test. env adds to the server's environment,
// each as NAME=value, for a jar that reads from brokers. Without a jar the test is skipped.
func Start(t testing.TB, env ...string) *Server {
	t.Helper()
	if os.Getenv(Jar) == "" {
		t.Skipf("%s names no Zipkin jar; bash .ci/run fetches one", Jar)
	}
	addr := testkit.FreeAddr(t)
	z := &Server{
		URL: "http://" + addr, Addr: addr,
		env: append([]string{"STORAGE_TYPE=mem", "MEM_MAX_SPANS=100000"}, env...),
	}
	z.Restart(t)
	t.Cleanup(func() {
		z.Kill()
		if t.Failed() {
			t.Logf("output of zipkin:\n%.20000s", z.log.String())
		}
	})
	return z
}

// Restart starts the server after [Server.Kill], at the same address and with empty storage. It
// returns when the server answers.
func (z *Server) Restart(t testing.TB) {
	t.Helper()
	host, port, _ := net.SplitHostPort(z.Addr)
	z.java = exec.Command("java", "-Xmx384m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC",
		"-jar", os.Getenv(Jar), "--armeria.ports[0].ip="+host, "--armeria.ports[0].port="+port,
		"--armeria.ports[0].protocols[0]=http")
	z.java.Env = append(os.Environ(), z.env...)
	z.java.Stdout, z.java.Stderr = &z.log, &z.log
	if err := z.java.Start(); err != nil {
		t.Fatal(err)
	}
	java, done := z.java, make(chan struct{})
	go func() { _ = java.Wait(); close(done) }()
	z.done = done
	z.poll(t, "/health", 90*time.Second, func([]byte) bool { return true })
}

// Kill kills the server.
func (z *Server) Kill() {
	_ = z.java.Process.Kill()
	<-z.done
}

// Trace returns the spans of the trace as the server returns them, once it has the given number.
// Zipkin stores spans after it has answered, so Trace polls, for at most 30 s.
func (z *Server) Trace(t testing.TB, traceID string, spans int) []model.SpanModel {
	t.Helper()
	var all []model.SpanModel
	z.poll(t, "/api/v2/trace/"+traceID, 30*time.Second, func(body []byte) bool {
		all = nil
		return json.Unmarshal(body, &all) == nil && len(all) >= spans
	})
	return all
}

// A Link is an edge of Zipkin's dependency graph.
type Link struct {
	Parent    string `json:"parent"`
	Child     string `json:"child"`
	CallCount int    `json:"callCount"`
}

// Roots returns the service's spans without a parent from the traces of the last hour, once the
// server has the given number.
func (z *Server) Roots(t testing.TB, service string, spans int) []model.SpanModel {
	t.Helper()
	var roots []model.SpanModel
	path := fmt.Sprintf("/api/v2/traces?serviceName=%s&limit=1000&lookback=3600000", service)
	z.poll(t, path, 30*time.Second, func(body []byte) bool {
		var traces [][]model.SpanModel
		roots = nil
		if json.Unmarshal(body, &traces) != nil {
			return false
		}
		for _, s := range slices.Concat(traces...) {
			local := s.LocalEndpoint
			if s.ParentID == nil && local != nil && local.ServiceName == service {
				roots = append(roots, s)
			}
		}
		return len(roots) >= spans
	})
	return roots
}

// Dependencies returns the dependency links of the last hour, once the server has the given number.
func (z *Server) Dependencies(t testing.TB, atLeast int) []Link {
	t.Helper()
	var links []Link
	end := time.Now().UnixMilli() + 1000
	path := fmt.Sprintf("/api/v2/dependencies?endTs=%d&lookback=3600000", end)
	z.poll(t, path, 30*time.Second, func(body []byte) bool {
		links = nil
		return json.Unmarshal(body, &links) == nil && len(links) >= atLeast
	})
	return links
}

// Received returns the server's count of spans that it received over HTTP, once it is large enough.
func (z *Server) Received(t testing.TB, atLeast int) int { return z.ReceivedBy(t, "http", atLeast) }

// ReceivedBy is [Server.Received] for one of the server's collectors: http, kafka or rabbitmq.
func (z *Server) ReceivedBy(t testing.TB, collector string, atLeast int) int {
	t.Helper()
	var metrics map[string]float64
	received := func() int { return int(metrics["counter.zipkin_collector.spans."+collector]) }
	z.poll(t, "/metrics", 2*time.Minute, func(body []byte) bool {
		return json.Unmarshal(body, &metrics) == nil && received() >= atLeast
	})
	return received()
}

func (z *Server) poll(t testing.TB, path string, limit time.Duration, done func(body []byte) bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var last string
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); <-tick.C {
		resp, err := http.Get(z.URL + path)
		if err != nil {
			last = err.Error()
			continue
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		last = resp.Status + " " + string(body)
		if err == nil && resp.StatusCode == http.StatusOK && done(body) {
			return
		}
	}
	t.Fatalf("GET %s: not the expected answer within %v: %.500s",
		path, limit, strings.TrimSpace(last))
}

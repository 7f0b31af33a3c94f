package admin_test

import (
	"bufio"
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"bookservice/cmd/internal/admin"
	"bookservice/service/bookendpoint"
	"bookservice/tracer"
	"bookservice/tracer/tracertest/testkit"
)

// ask sends a request with this Host and further header lines, and returns the status.
func ask(t *testing.T, addr, host, header string) int {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	fmt.Fprintf(conn, "GET /metrics HTTP/1.1\r\nHost: %s\r\n%sConnection: close\r\n\r\n",
		host, header)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("%s: %v", host, err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

// A page of a browser cannot read /metrics by a name of its own that resolves to this machine.
func TestOnlyOwnHostsAreAnswered(t *testing.T) {
	var lines testkit.Buffer
	s, err := admin.Start(admin.Config{Addr: "127.0.0.1:0", Hosts: []string{"metrics.example"}},
		&tracer.Metrics{}, slog.New(slog.NewTextHandler(&lines, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for host, want := range map[string]int{
		s.Addr():                http.StatusOK,
		"localhost":             http.StatusOK,
		"LOCALHOST.:9090":       http.StatusOK,
		"a.localhost:1":         http.StatusOK,
		"[::1]:9090":            http.StatusOK,
		"metrics.example:80":    http.StatusOK,
		"METRICS.EXAMPLE":       http.StatusOK,
		"evil.example":          http.StatusMisdirectedRequest,
		"evil.example:9090":     http.StatusMisdirectedRequest,
		"localhost.example":     http.StatusMisdirectedRequest,
		"127.0.0.1.example":     http.StatusMisdirectedRequest,
		"x.metrics.example:443": http.StatusMisdirectedRequest,
		"":                      http.StatusMisdirectedRequest,
	} {
		if have := ask(t, s.Addr(), host, ""); have != want {
			t.Errorf("Host %q: have status %d, want %d", host, have, want)
		}
	}
	if have := strings.Count(lines.String(), "host is not allowed"); have != 1 {
		t.Errorf("have %d lines, want 1 in 10 s:\n%s", have, lines.String())
	}
}

func TestLargeHeadersAreRefused(t *testing.T) {
	s := start(t, &tracer.Metrics{})
	defer s.Close()
	header := func(size int) string { return "X: " + strings.Repeat("x", size) + "\r\n" }
	if have := ask(t, s.Addr(), "localhost", header(8<<10)); have != http.StatusOK {
		t.Errorf("8 KiB: have status %d, want 200", have)
	}
	want := http.StatusRequestHeaderFieldsTooLarge
	if have := ask(t, s.Addr(), "localhost", header(32<<10)); have != want {
		t.Errorf("32 KiB: have status %d, want %d", have, want)
	}
}

// A connection that sends no request is closed after 5 s.
func TestASilentConnectionIsClosed(t *testing.T) {
	testkit.Slow(t)
	s := start(t, &tracer.Metrics{})
	defer s.Close()
	conn, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET /metrics HTTP/1.1\r\n")
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	var rest bytes.Buffer
	if _, err := rest.ReadFrom(conn); err != nil {
		t.Errorf("have %v after a minute, want the connection closed", err)
	}
}

func TestMetricsOfTheRateLimitAndTheLog(t *testing.T) {
	s := start(t, &tracer.Metrics{})
	defer s.Close()
	rate := func() bookendpoint.RateStats {
		return bookendpoint.RateStats{Delayed: 5, Rejected: 4, TooLate: 3, Left: 2, Waiting: 1}
	}
	if err := s.AddRate(rate); err != nil {
		t.Fatal(err)
	}
	if err := s.AddLostLines(func() uint64 { return 7 }); err != nil {
		t.Fatal(err)
	}
	_, text := request(t, http.MethodGet, "http://"+s.Addr()+"/metrics")
	for _, want := range []string{
		`rate_limited_calls_total{result="delayed"} 5`,
		`rate_limited_calls_total{result="rejected"} 4`,
		`rate_limited_calls_total{result="too_late"} 3`,
		"rate_left_calls_total 2",
		"rate_waiting_calls 1",
		"log_lines_lost_total 7",
	} {
		if !strings.Contains(text, "\n"+want+"\n") {
			t.Errorf("have no %s in\n%s", want, text)
		}
	}
}

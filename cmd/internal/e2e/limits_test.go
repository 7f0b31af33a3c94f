package e2e_test

import (
	"context"
	"encoding/binary"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"bookservice/api/book"
	"bookservice/tracer/tracertest/testkit"
)

// The server's settings limit the calls in flight and the header list of a client.
func TestSettingsOfAConnection(t *testing.T) {
	t.Parallel()
	static := []string{"-discovery", "static", "-instances", "127.0.0.1:1"}
	for want, args := range map[uint32][]string{1000: nil, 7: {"-max-streams", "7"}} {
		_, addr := serve(t, append(static, args...)...)
		kind, _, payload, _ := rawDial(t, addr).next(limit)
		have := map[uint16]uint32{}
		for ; kind == frameSettings && len(payload) >= 6; payload = payload[6:] {
			have[binary.BigEndian.Uint16(payload)] = binary.BigEndian.Uint32(payload[2:])
		}
		const maxConcurrentStreams, maxHeaderListSize = 3, 6 // RFC 9113, section 6.5.2
		if have[maxConcurrentStreams] != want || have[maxHeaderListSize] != 128<<10 {
			t.Errorf("have settings %v, want %d streams and 131072 bytes of headers", have, want)
		}
	}
}

// A connection without calls is closed after -max-connection-idle.
func TestAnIdleConnectionIsClosed(t *testing.T) {
	t.Parallel()
	_, addr := serve(t, "-discovery", "static", "-instances", "127.0.0.1:1",
		"-max-connection-idle", "200ms")
	c := rawDial(t, addr)
	if code, text, ok := c.goAway(limit); !ok || code != 0 {
		t.Errorf("have code %d, %q, %v, want GOAWAY without an error", code, text, ok)
	}
}

// A connection is closed after -max-connection-age. The call in flight gets its response.
func TestAnOldConnectionIsClosed(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	_, addr := serve(t, "-discovery", "static", "-instances", "127.0.0.1:1",
		"-max-connection-age", "1s", "-drain-timeout", "30s",
		"-rate-mode", "delay", "-rate-burst", "1", "-rate-every", "4s")
	c := rawDial(t, addr)
	for stream := range uint32(2) { // the second call is delayed
		c.call(2*stream+1, "GetBookInfo", &book.BookInfoParams{BookId: 1})
	}
	if code, text, ok := c.goAway(limit); !ok || code != 0 {
		t.Fatalf("have code %d, %q, %v, want GOAWAY without an error", code, text, ok)
	}
	answered := false
	for {
		kind, flags, payload, ok := c.next(limit)
		if !ok {
			break
		}
		if kind == framePing && flags != flagAck {
			c.send(framePing, flagAck, 0, payload)
		}
		answered = answered || kind == frameData && len(payload) > 0
	}
	if !answered {
		t.Error("have no response of the call in flight after GOAWAY")
	}
}

// A connection that sends no HTTP/2 is closed after 10 s.
func TestASilentConnectionIsClosed(t *testing.T) {
	testkit.Slow(t)
	t.Parallel()
	_, addr := serve(t, "-discovery", "static", "-instances", "127.0.0.1:1")
	conn := dialTCP(t, addr)
	_ = conn.SetDeadline(time.Now().Add(2 * limit))
	if _, err := io.Copy(io.Discard, conn); err != nil {
		t.Errorf("have %v, want the connection closed", err)
	}
}

// A foreign client may ping every 5 s, also without calls. One that floods the server is cut off.
func TestPings(t *testing.T) {
	t.Parallel()
	static := []string{"-discovery", "static", "-instances", "127.0.0.1:1"}
	t.Run("flood", func(t *testing.T) {
		t.Parallel()
		_, addr := serve(t, static...)
		c := rawDial(t, addr)
		for range 10 {
			c.send(framePing, 0, 0, make([]byte, 8))
		}
		const enhanceYourCalm = 11 // RFC 9113, section 7
		code, text, ok := c.goAway(limit)
		if !ok || code != enhanceYourCalm || text != "too_many_pings" {
			t.Errorf("have code %d, %q, %v, want GOAWAY ENHANCE_YOUR_CALM", code, text, ok)
		}
	})
	t.Run("ordinary", func(t *testing.T) {
		testkit.Slow(t)
		t.Parallel()
		_, addr := serve(t, static...)
		c := rawDial(t, addr)
		for i := range 5 {
			c.send(framePing, 0, 0, make([]byte, 8))
			if code, text, ok := c.goAway(6 * time.Second); ok {
				t.Fatalf("have code %d, %q after %d pings, want no GOAWAY", code, text, i+1)
			}
		}
		c.send(framePing, 0, 0, make([]byte, 8))
		if kind, flags, _, ok := c.next(limit); !ok || kind != framePing || flags != flagAck {
			t.Errorf("have frame %d, %v, want the response to a ping", kind, ok)
		}
	})
}

// Callers that leave do not delay those behind them. Callers over -rate-queue fail at once. Both is
// counted, and logged in few lines.
func TestTheRateLimitUnderAFlood(t *testing.T) {
	t.Parallel()
	p, conn := alone(t, "-rate-mode", "delay", "-rate-burst", "1", "-rate-every", "500ms",
		"-rate-queue", "100", "-admin-addr", "127.0.0.1:0")
	client := book.NewBookServiceClient(conn)
	params := &book.BookInfoParams{BookId: 1}
	start := time.Now()
	ctx, leave := context.WithCancel(t.Context())
	var flood sync.WaitGroup
	results := make(chan codes.Code, 1000)
	for range cap(results) {
		flood.Go(func() {
			_, err := client.GetBookInfo(ctx, params)
			results <- status.Code(err)
		})
	}
	rejected := 0
	for rejected < cap(results)-150 { // 100 wait, and a few are answered meanwhile
		if code := <-results; code == codes.ResourceExhausted {
			rejected++
		} else if code != codes.OK {
			t.Fatalf("have %v, want ResourceExhausted or OK", code)
		}
	}
	waiting := regexp.MustCompile(`\nrate_waiting_calls ([1-9]\d?|100)\n`) // fewer every 500 ms
	testkit.Eventually(t, "the calls are counted", func() bool {
		text := metrics(t, p)
		return waiting.MatchString(text) &&
			strings.Contains(text, "\nrate_limited_calls_total{result=\"rejected\"} ")
	})
	leave()
	flood.Wait()
	testkit.Eventually(t, "the server knows that they have left", func() bool {
		return strings.Contains(metrics(t, p), "\nrate_waiting_calls 0\n")
	})
	began := time.Now()
	if _, err := client.GetBookInfo(t.Context(), params); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 10*time.Second { // 50 s behind those who left
		t.Errorf("a call behind 100 that left took %v, want 0.5s", took)
	}
	lines := strings.Count(p.errs.String(), `msg="rate limit exceeded"`)
	if most := 1 + int(time.Since(start)/(10*time.Second)); lines < 1 || lines > most {
		t.Errorf("have %d lines about the limit, want 1 to %d", lines, most)
	}
	if !strings.Contains(p.errs.String(), `msg="calls are limited" mode=delay burst=1`) {
		t.Error("the log does not say what the limit is")
	}
}

// By default calls are not limited.
func TestNoRateLimitByDefault(t *testing.T) {
	t.Parallel()
	_, out, _ := do(t, "bookserver", []string{"-print-config"})
	if !strings.Contains(out, `rate-mode: "off"`) {
		t.Errorf("have\n%s\nwant rate-mode off", out)
	}
}

// A page of a browser cannot read /metrics by a foreign name.
func TestMetricsCheckTheHost(t *testing.T) {
	t.Parallel()
	p, _ := alone(t, "-admin-addr", "127.0.0.1:0", "-admin-hosts", "metrics.example")
	addr := adminAddr.FindStringSubmatch(p.errs.String())[1]
	for host, want := range map[string]int{
		addr: http.StatusOK, "localhost:1": http.StatusOK, "metrics.example": http.StatusOK,
		"evil.example": http.StatusMisdirectedRequest,
	} {
		r, err := http.NewRequestWithContext(
			t.Context(), http.MethodGet, "http://"+addr+"/metrics", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("Host %s: have %s, want %d", host, resp.Status, want)
		}
	}
}

// A signal ends bookcollector at once, whatever is open at its ports.
func TestASignalEndsTheCollectorWhateverIsOpen(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			addr, grpcAddr := testkit.FreeAddr(t), testkit.FreeAddr(t)
			p := start(t, "bookcollector", []string{"-addr", addr, "-otlp-grpc-addr", grpcAddr})
			testkit.Eventually(t, "it serves", func() bool {
				return strings.Contains(p.out.String(), "OTLP over gRPC")
			})
			for _, at := range []string{addr, grpcAddr} {
				dialTCP(t, at)
			}
			rawDial(t, grpcAddr).next(limit)
			resp, err := http.Get("http://" + addr + "/zipkin/api/v2/events")
			if err != nil || resp.StatusCode != http.StatusOK {
				t.Fatalf("have %v, %v for the events", resp, err)
			}
			defer resp.Body.Close()
			began := time.Now()
			p.signal(t, s)
			if code := p.wait(t); code != 0 {
				t.Errorf("have status %d, want 0", code)
			}
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("the end took %v, want some seconds", took)
			}
		})
	}
}

// A signal ends bookdemo at once, whatever is open at its servers.
func TestASignalEndsTheDemoWhateverIsOpen(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	p := start(t, "bookdemo", []string{"-collector-addr", "127.0.0.1:0"})
	testkit.Eventually(t, "the load runs", func() bool {
		return strings.Contains(p.out.String(), "Ctrl-C ends it")
	})
	addrs := regexp.MustCompile(`(?m)^bookserver +(\S+)$`).FindAllStringSubmatch(p.out.String(), -1)
	if len(addrs) != 2 {
		t.Fatalf("have %d addresses in\n%s", len(addrs), p.out.String())
	}
	for _, found := range addrs {
		for _, name := range []string{"a silent connection", "a health watch"} {
			open[name].open(t, found[1])
		}
	}
	began := time.Now()
	p.signal(t, syscall.SIGTERM)
	if code := p.wait(t); code != 0 {
		t.Errorf("have status %d, want 0", code)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("the end took %v, want some seconds", took)
	}
}

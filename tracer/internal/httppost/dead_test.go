package httppost_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"bookservice/tracer/internal/httppost"
	"bookservice/tracer/tracertest/testkit"
)

// TestDeadConnectionIsReplacedAfterTwoTimeoutsInARow posts through connections that die without a
// word. HTTP/2 has one connection for all posts, which net/http would keep.
func TestDeadConnectionIsReplacedAfterTwoTimeoutsInARow(t *testing.T) {
	testkit.Slow(t)
	for _, http2 := range []bool{false, true} {
		versions := make(chan int, 100)
		srv := httptest.NewUnstartedServer(http.HandlerFunc(
			func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				versions <- r.ProtoMajor
			}))
		srv.EnableHTTP2 = http2
		srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
		srv.StartTLS()
		t.Cleanup(srv.Close) // after the proxy has ended
		u, err := url.Parse(srv.URL)
		if err != nil {
			t.Fatal(err)
		}
		proxy := testkit.NewProxy(t, u.Host)
		cfg := config("https://" + proxy.Addr)
		cfg.TLS = trust(t, srv)
		c := httppost.New(cfg)
		attempt := func() error {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			_, err := c.Post(ctx, make([]byte, 256<<10))
			return err
		}
		if err := attempt(); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			proxy.Freeze()
			timeouts := 0
			for timeouts < 5 && attempt() != nil {
				timeouts++
			}
			// net/http itself closes a connection of HTTP/1.1 that a post has given up.
			if timeouts == 0 || timeouts > 2 {
				t.Errorf("HTTP/2 %v: have %d time-outs before a success, want 1 or 2",
					http2, timeouts)
			}
		}
		start := time.Now()
		proxy.Freeze()
		c.Close()
		if took := time.Since(start); took > 900*time.Millisecond {
			t.Errorf("HTTP/2 %v: Close took %v, want less than a second", http2, took)
		}
		if version := <-versions; (version == 2) != http2 {
			t.Errorf("have HTTP/%d, want HTTP/2: %v", version, http2)
		}
	}
}

package httppost_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bookservice/tracer/delivery"
	"bookservice/tracer/internal/httppost"
	"bookservice/tracer/tracertest/testkit"
)

// serve starts a server, and returns the configuration of a client for it.
func serve(t *testing.T, h http.HandlerFunc) httppost.Config {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return config(srv.URL)
}

func config(url string) httppost.Config {
	return httppost.Config{URL: url, Header: http.Header{}, Conns: 1}
}

// post posts a body with a new client. Post must return within a limit.
func post(t *testing.T, cfg httppost.Config, body string) (httppost.Answer, error) {
	t.Helper()
	c := httppost.New(cfg)
	defer c.Close()
	type result struct {
		answer httppost.Answer
		err    error
	}
	done := make(chan result, 1)
	go func() {
		answer, err := c.Post(t.Context(), []byte(body))
		done <- result{answer, err}
	}()
	select {
	case r := <-done:
		return r.answer, r.err
	case <-time.After(30 * time.Second):
		t.Fatal("Post has not returned")
	}
	return httppost.Answer{}, nil
}

// TestRedirectsAreNotFollowed has a server that redirects with each status.
func TestRedirectsAreNotFollowed(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		var others atomic.Int32
		cfg := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/other" {
				others.Add(1)
				return
			}
			http.Redirect(w, r, "/other", status)
		})
		answer, err := post(t, cfg, "body")
		if err != nil || answer.Status != status || others.Load() != 0 {
			t.Errorf("%d: have %d, %v and %d requests of the other page",
				status, answer.Status, err, others.Load())
		}
	}
}

// TestCredentials checks the header Authorization.
func TestCredentials(t *testing.T) {
	authorization := make(chan string, 1)
	cfg := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		authorization <- r.Header.Get("Authorization")
	})
	withUserinfo := strings.Replace(cfg.URL, "://", "://ann:s3cret@", 1)
	for name, test := range map[string]struct {
		url, user, password string
		header              string
		want                string
	}{
		"none":                    {cfg.URL, "", "", "", ""},
		"user and password":       {cfg.URL, "ann", "s3cret", "", "Basic YW5uOnMzY3JldA=="},
		"user alone":              {cfg.URL, "ann", "", "", "Basic YW5uOg=="},
		"password without a user": {cfg.URL, "", "s3cret", "", ""},
		"userinfo of the URL":     {withUserinfo, "", "", "", "Basic YW5uOnMzY3JldA=="},
		"header":                  {cfg.URL, "", "", "Bearer x", "Bearer x"},
	} {
		cfg := config(test.url)
		cfg.User, cfg.Password = test.user, test.password
		if test.header != "" {
			cfg.Header.Set("Authorization", test.header)
		}
		if _, err := post(t, cfg, ""); err != nil {
			t.Fatal(err)
		}
		if have := <-authorization; have != test.want {
			t.Errorf("%s: have %q, want %q", name, have, test.want)
		}
	}
}

// TestBodies posts bodies with and without compression, concurrently: clients reuse memory.
func TestBodies(t *testing.T) {
	for _, compress := range []bool{false, true} {
		cfg := serve(t, func(w http.ResponseWriter, r *http.Request) {
			var body io.Reader = r.Body
			if (r.Header.Get("Content-Encoding") == "gzip") != compress ||
				r.Method != http.MethodPost || r.Header.Get("X-Own") != "own" ||
				r.ContentLength < 0 {
				t.Errorf("have %s with header %v and length %d",
					r.Method, r.Header, r.ContentLength)
			}
			if compress {
				unzipped, err := gzip.NewReader(body)
				if err != nil {
					t.Error(err)
					return
				}
				body = unzipped
			}
			text, err := io.ReadAll(body)
			if err != nil {
				t.Error(err)
			}
			w.WriteHeader(http.StatusAccepted)
			_, _ = w.Write(text)
		})
		cfg.Gzip, cfg.Conns = compress, 8
		cfg.Header.Set("X-Own", "own")
		c := httppost.New(cfg)
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				for j := range 20 {
					body := bytes.Repeat([]byte(fmt.Sprint(i, " ", j, ";")), 500)
					answer, err := c.Post(t.Context(), body)
					if err != nil || answer.Status != http.StatusAccepted ||
						!bytes.Equal(answer.Body, body) {
						t.Errorf("gzip %v: have %d, %v and another body",
							compress, answer.Status, err)
					}
				}
			})
		}
		all.Wait()
		c.Close()
		if cfg.Header.Get("Content-Encoding") != "" {
			t.Error("the client has changed the configuration's header")
		}
	}
}

// TestBodyMayBeReusedAfterPost has a server that answers before it reads the body. net/http may
// read the body after it has returned the answer; Post must not return before.
func TestBodyMayBeReusedAfterPost(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	changed := make(chan bool, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		r := bufio.NewReader(conn)
		for line := "x"; line != "\r\n" && err == nil; {
			line, err = r.ReadString('\n')
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		rest, _ := io.ReadAll(r)
		changed <- bytes.Contains(rest, []byte("y"))
	}()
	c := httppost.New(config("http://" + l.Addr().String()))
	body := bytes.Repeat([]byte("x"), 64<<20) // more than the buffers of a connection hold
	_, _ = c.Post(t.Context(), body)
	copy(body, bytes.Repeat([]byte("y"), len(body)))
	c.Close()
	if <-changed {
		t.Error("the body was read after Post returned")
	}
}

// TestAnswer checks status, header and the beginning of the body.
func TestAnswer(t *testing.T) {
	for length, want := range map[int]int{0: 0, 10: 10, 64 << 10: 64 << 10, 100 << 10: 64 << 10} {
		cfg := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write(make([]byte, length))
		})
		answer, err := post(t, cfg, "body")
		if err != nil || answer.Status != 503 || answer.Header.Get("Retry-After") != "7" ||
			len(answer.Body) != want {
			t.Errorf("have %d, %v, %d bytes and %v, want %d bytes",
				answer.Status, answer.Header, len(answer.Body), err, want)
		}
	}
}

// TestBrokenAnswerIsAnError has a server that breaks the connection within the answer.
func TestBrokenAnswerIsAnError(t *testing.T) {
	cfg := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "10")
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	if answer, err := post(t, cfg, "body"); err == nil || answer.Status != 0 {
		t.Errorf("have %d and %v, want an error", answer.Status, err)
	}
}

// TestErrorsDoNotContainTheURL posts to a server that refuses connections and to a malformed URL.
// The latter cannot be retried.
func TestErrorsDoNotContainTheURL(t *testing.T) {
	addr := testkit.ClosedAddr(t)
	for url, kind := range map[string]delivery.Kind{
		"http://ann:s3cret@" + addr + "/?key=s3cret": delivery.Retry,
		"http://ann:s3cret%@h":                       delivery.Drop,
	} {
		_, err := post(t, config(url), "body")
		var send *delivery.SendError
		drop := errors.As(err, &send) && send.Kind == delivery.Drop
		if err == nil || strings.Contains(err.Error(), "s3cret") ||
			drop != (kind == delivery.Drop) {
			t.Errorf("have %v (drop: %v), want no secret", err, drop)
		}
	}
}

// TestConnectionsAreKept posts several bodies at once, twice. Close closes the connections.
func TestConnectionsAreKept(t *testing.T) {
	const conns = 6
	var opened, closed atomic.Int32
	together := make(chan struct{}, conns)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(
		func(http.ResponseWriter, *http.Request) {
			together <- struct{}{}
			for len(together) < conns && len(together) > 0 {
				<-time.After(time.Millisecond)
			}
		}))
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		switch s {
		case http.StateNew:
			opened.Add(1)
		case http.StateClosed:
			closed.Add(1)
		}
	}
	srv.Start()
	defer srv.Close()
	cfg := config(srv.URL)
	cfg.Conns = conns
	c := httppost.New(cfg)
	for range 2 {
		var all sync.WaitGroup
		for range conns {
			all.Go(func() {
				if _, err := c.Post(t.Context(), []byte("body")); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		for len(together) > 0 {
			<-together
		}
	}
	if n := opened.Load(); n != conns {
		t.Errorf("have %d connections, want %d", n, conns)
	}
	c.Close()
	testkit.Eventually(t, "the connections are closed", func() bool {
		return closed.Load() == conns
	})
}

// TestTLS posts to a server whose certificate only the configured authority has signed.
func TestTLS(t *testing.T) {
	srv := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer srv.Close()
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	cfg := config(srv.URL)
	if _, err := post(t, cfg, "body"); err == nil {
		t.Error("have no error without the certificate, want one")
	}
	cfg.TLS = trust(t, srv)
	if answer, err := post(t, cfg, "body"); err != nil || answer.Status != http.StatusOK {
		t.Errorf("have %d and %v", answer.Status, err)
	}
}

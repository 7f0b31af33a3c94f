package httppost_test

import (
	"bufio"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bookservice/tracer/internal/httppost"
	"bookservice/tracer/internal/settings"
	"bookservice/tracer/tracertest/testkit"
)

// trust returns the TLS files of a client of the server.
func trust(t *testing.T, srv *httptest.Server) *settings.TLS {
	t.Helper()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}
	if err := os.WriteFile(ca, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	files, err := settings.TLSFiles{CA: settings.File{Path: ca}}.Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// serveConns calls serve with each connection, and closes it at the end of the test.
func serveConns(t *testing.T, serve func(net.Conn)) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	end := make(chan struct{})
	t.Cleanup(func() { close(end); l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				serve(conn)
				<-end
				conn.Close()
			}()
		}
	}()
	return l.Addr().String()
}

// readHeader reads the header of a request.
func readHeader(conn net.Conn) {
	r := bufio.NewReader(conn)
	for line, err := "x", error(nil); line != "\r\n" && err == nil; {
		line, err = r.ReadString('\n')
	}
}

// answers returns a server that answers with the text and keeps the connection.
func answers(text string) func(net.Conn) {
	return func(conn net.Conn) { readHeader(conn); _, _ = io.WriteString(conn, text) }
}

// TestPostReturnsWhenTheContextEnds has peers that stop at each point of a post. The bodies are
// larger than the buffers of a connection.
func TestPostReturnsWhenTheContextEnds(t *testing.T) {
	testkit.Slow(t)
	raw := func(serve func(net.Conn)) func(*testing.T) httppost.Config {
		return func(t *testing.T) httppost.Config {
			return config("http://" + serveConns(t, serve))
		}
	}
	http2 := func(h http.HandlerFunc) func(*testing.T) httppost.Config {
		return func(t *testing.T) httppost.Config {
			srv := httptest.NewUnstartedServer(h)
			srv.EnableHTTP2 = true
			srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
			srv.StartTLS()
			t.Cleanup(func() { srv.CloseClientConnections(); srv.Close() })
			cfg := config(srv.URL)
			cfg.TLS = trust(t, srv)
			return cfg
		}
	}
	for name, peer := range map[string]func(*testing.T) httppost.Config{
		"reads nothing":    raw(func(net.Conn) {}),
		"reads the header": raw(readHeader),
		"reads everything": raw(func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }),
		"half a status":    raw(answers("HTTP/1.1 2")),
		"half a header":    raw(answers("HTTP/1.1 200 OK\r\nContent-")),
		"half a body":      raw(answers("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")),
		"half a chunk": raw(answers(
			"HTTP/1.1 400 Bad\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nx")),
		"continue":    raw(answers("HTTP/1.1 100 Continue\r\n\r\n")),
		"early hints": raw(answers("HTTP/1.1 103 Early Hints\r\n\r\n")),
		"redirect, no body": raw(answers(
			"HTTP/1.1 308 R\r\nLocation: /x\r\nContent-Length: 9\r\n\r\n")),
		"TLS handshake": func(t *testing.T) httppost.Config {
			return config("https://" + serveConns(t, func(net.Conn) {}))
		},
		"HTTP/2, reads nothing": http2(func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
		}),
		"HTTP/2, half an answer": http2(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := peer(t)
			checkEnds(t, cfg, make([]byte, 16<<20))
			cfg.Gzip = true
			checkEnds(t, cfg, make([]byte, 256<<10))
		})
	}
}

// checkEnds posts with a context that ends, and closes the client.
func checkEnds(t *testing.T, cfg httppost.Config, body []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	c := httppost.New(cfg)
	start := time.Now()
	_, err := c.Post(ctx, body)
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("Post returned after %v, want the 200 ms of the context", took)
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("have %v, want the context's error", err)
	}
	start = time.Now()
	c.Close()
	if took := time.Since(start); took > 900*time.Millisecond {
		t.Errorf("Close returned after %v, want less than a second", took)
	}
}

// TestAnswerBeforeTheBodyIsRead has a peer that answers and then neither reads nor closes. The
// answer counts, and Post does not wait for the body to be read.
func TestAnswerBeforeTheBodyIsRead(t *testing.T) {
	for _, status := range []int{202, 307, 308, 413} {
		cfg := config("http://" + serveConns(t, func(conn net.Conn) {
			readHeader(conn)
			fmt.Fprintf(conn, "HTTP/1.1 %d X\r\nLocation: http://127.0.0.1:1/\r\n"+
				"Content-Length: 0\r\n\r\n", status)
		}))
		answer, err := post(t, cfg, strings.Repeat("x", 16<<20))
		if err != nil || answer.Status != status {
			t.Errorf("have %d, %v, want %d", answer.Status, err, status)
		}
	}
}

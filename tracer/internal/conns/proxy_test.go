package conns_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"bookservice/tracer/internal/conns"
)

// listen serves one connection.
func listen(t *testing.T, serve func(net.Conn)) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	end := make(chan struct{})
	t.Cleanup(func() { close(end) })
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		serve(conn)
		<-end
	}()
	return l.Addr().String()
}

// TestDialThrough asks a proxy for a tunnel. The proxy sends the peer's first bytes with its
// answer.
func TestDialThrough(t *testing.T) {
	asked := make(chan *http.Request, 1)
	addr := listen(t, func(conn net.Conn) {
		r, err := http.ReadRequest(bufio.NewReader(conn))
		if err != nil {
			t.Error(err)
			return
		}
		asked <- r
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\nhello")
		_, _ = io.Copy(conn, conn)
	})
	proxy := &url.URL{Scheme: "http", Host: addr, User: url.UserPassword("ann", "s3cret")}
	var s conns.Sockets
	conn, err := s.DialThrough(t.Context(), proxy, "collector.test:4317")
	if err != nil {
		t.Fatal(err)
	}
	r := <-asked
	if r.Method != http.MethodConnect || r.Host != "collector.test:4317" ||
		r.Header.Get("Proxy-Authorization") != "Basic YW5uOnMzY3JldA==" {
		t.Errorf("have %s %s with header %v", r.Method, r.Host, r.Header)
	}
	_, _ = io.WriteString(conn, " world")
	have := make([]byte, len("hello world"))
	if _, err := io.ReadFull(conn, have); err != nil || string(have) != "hello world" {
		t.Errorf("have %q, %v through the tunnel", have, err)
	}
	s.Close()
	if _, err := conn.Read(have); err == nil {
		t.Error("the tunnel is open after Close")
	}
}

// TestDialThroughFails has proxies that refuse, break off or hang. The error does not show the
// password.
func TestDialThroughFails(t *testing.T) {
	for name, test := range map[string]struct {
		scheme string
		serve  func(net.Conn)
		want   string
	}{
		"refuses": {"http", func(conn net.Conn) {
			_, _ = io.WriteString(conn, "HTTP/1.1 407 ann s3cret\r\n\r\n")
		}, "answered CONNECT with 407 Proxy Authentication Required"},
		"breaks off": {"http", func(conn net.Conn) { conn.Close() }, "not answered"},
		"hangs":      {"http", func(net.Conn) {}, "deadline"},
		"hangs, half": {"http", func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1")
		}, "deadline"},
		"TLS hangs":         {"https", func(net.Conn) {}, "deadline"},
		"scheme is unknown": {"socks5", func(net.Conn) {}, `scheme "socks5"`},
		"endless header": {"http", func(conn net.Conn) {
			line := bytes.Repeat([]byte("a: b\r\n"), 1000)
			_, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\n")
			for err == nil {
				_, err = conn.Write(line)
			}
		}, "not answered"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			proxy := &url.URL{
				Scheme: test.scheme, Host: listen(t, test.serve),
				User: url.UserPassword("ann", "s3cret"),
			}
			var s conns.Sockets
			defer s.Close()
			start := time.Now()
			_, err := s.DialThrough(ctx, proxy, "collector.test:443")
			if err == nil || !strings.Contains(err.Error(), test.want) ||
				strings.Contains(err.Error(), "s3cret") {
				t.Errorf("have %v, want %s and no password", err, test.want)
			}
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("returned after %v, want the context's 300 ms", took)
			}
		})
	}
}

// TestDialAfterClose dials with sockets that are closed.
func TestDialAfterClose(t *testing.T) {
	addr := listen(t, func(net.Conn) {})
	var s conns.Sockets
	s.Close()
	if _, err := s.Dial(t.Context(), "tcp", addr); !errors.Is(err, net.ErrClosed) {
		t.Errorf("have %v, want net.ErrClosed", err)
	}
}

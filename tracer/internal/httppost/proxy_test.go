package httppost_test

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"bookservice/tracer/internal/httppost"
	"bookservice/tracer/internal/settings"
	"bookservice/tracer/tracertest/testkit"
)

// childURL makes a test process post to the URL: net/http reads the environment once.
const childURL = "HTTPPOST_TEST_URL"

// TestMain posts, in a test process that postInChild has started.
func TestMain(m *testing.M) {
	target := os.Getenv(childURL)
	if target == "" {
		os.Exit(m.Run())
	}
	files, err := settings.TLSFiles{CA: settings.File{Path: os.Getenv("CHILD_CA")}}.Open(nil)
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	c := httppost.New(httppost.Config{
		URL: target, Header: http.Header{"X-Key": {"s3cret"}}, User: "ann", Password: "s3cret",
		TLS: files,
	})
	answer, err := c.Post(ctx, []byte("s3cret body"))
	_, _ = io.WriteString(os.Stdout, http.StatusText(answer.Status))
	if err != nil {
		_, _ = io.WriteString(os.Stdout, err.Error())
	}
}

// postInChild posts in a process with the environment, and returns its output.
func postInChild(t *testing.T, target string, environment ...string) string {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), append(environment, childURL+"="+target)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

// startProxy starts an HTTP proxy that connects everything to the address. It records what it
// reads: the requests, and what passes through a tunnel.
func startProxy(t *testing.T, to string) (addr string, seen *testkit.Buffer) {
	t.Helper()
	seen = &testkit.Buffer{}
	return serveConns(t, func(conn net.Conn) {
		r := bufio.NewReader(io.TeeReader(conn, seen))
		request, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		peer, err := net.Dial("tcp", to)
		if err != nil {
			t.Error(err)
			return
		}
		defer peer.Close()
		if request.Method == http.MethodConnect {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
		} else if err := request.Write(peer); err != nil {
			return
		}
		go func() { _, _ = io.Copy(peer, r) }()
		_, _ = io.Copy(conn, peer)
	}), seen
}

// TestCredentialsPassProxiesOnlyInTLS posts through a proxy of the environment to a host that only
// the proxy knows. With TLS the proxy must see no credential, only the name of the host. With plain
// text it sees everything: that is how proxies of HTTP work.
func TestCredentialsPassProxiesOnlyInTLS(t *testing.T) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, password, _ := r.BasicAuth(); password != "s3cret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	})
	a := testkit.NewAuthority(t)
	plain, secure := httptest.NewServer(handler), httptest.NewUnstartedServer(handler)
	defer plain.Close()
	secure.TLS = a.ServerTLS(t)
	secure.TLS.ClientAuth = 0
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	secure.StartTLS()
	defer secure.Close()

	proxy, seen := startProxy(t, secure.Listener.Addr().String())
	out := postInChild(t, "https://collector.test/api", "HTTPS_PROXY=http://joe:pr0xy@"+proxy,
		"CHILD_CA="+a.CA)
	if !strings.Contains(seen.String(), "CONNECT collector.test:443 HTTP/1.1\r\n") ||
		!strings.Contains(seen.String(), "Proxy-Authorization: Basic am9lOnByMHh5\r\n") {
		t.Errorf("the proxy has seen %.300q", seen.String())
	}
	if strings.Contains(seen.String(), "s3cret") || strings.Contains(seen.String(), "YW5u") ||
		strings.Contains(seen.String(), "X-Key") {
		t.Errorf("the proxy has seen credentials: %.300q", seen.String())
	}
	if out != "Accepted" {
		t.Errorf("have %q, want the post accepted, with its credentials", out)
	}

	proxy, seen = startProxy(t, plain.Listener.Addr().String())
	out = postInChild(t, "http://collector.test/api", "HTTP_PROXY=http://"+proxy)
	if out != "Accepted" || !strings.Contains(seen.String(), "POST http://collector.test/api") {
		t.Errorf("have %q; the proxy has seen %.300q", out, seen.String())
	}
}

// TestProxyThatHangs has a proxy that answers CONNECT with nothing.
func TestProxyThatHangs(t *testing.T) {
	testkit.Slow(t)
	proxy := serveConns(t, func(net.Conn) {})
	start := time.Now()
	out := postInChild(t, "https://collector.test/", "HTTPS_PROXY=http://"+proxy)
	if took := time.Since(start); took > 20*time.Second || !strings.Contains(out, "deadline") {
		t.Errorf("have %q after %v, want the context's error after 5 s", out, took)
	}
}

// TestInvalidProxyIsNotShown has a variable that is not a URL.
func TestInvalidProxyIsNotShown(t *testing.T) {
	out := postInChild(t, "https://collector.test/", "HTTPS_PROXY=http://joe:pr0xy@h:x y")
	if !strings.Contains(out, "proxy") || strings.Contains(out, "pr0xy") {
		t.Errorf("have %q, want an error without the password", out)
	}
}

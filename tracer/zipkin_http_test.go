package tracer_test

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"bookservice/tracer"
	"bookservice/tracer/tracertest/receiver"
	"bookservice/tracer/tracertest/testkit"
)

// TestZipkinOverTLS checks that client and collector each verify the other's certificate.
func TestZipkinOverTLS(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	a, other := testkit.NewAuthority(t), testkit.NewAuthority(t)
	cert, key := a.Issue(t, "client")
	otherCert, otherKey := other.Issue(t, "client")
	secure := a.ServerTLS(t)
	for name, test := range map[string]struct {
		ca, cert, key string
		accepted      bool
	}{
		"both":                       {a.CA, cert, key, true},
		"no client certificate":      {a.CA, "", "", false},
		"another's client":           {a.CA, otherCert, otherKey, false},
		"collector of an unknown CA": {other.CA, cert, key, false},
		"no CA":                      {"", cert, key, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			to := &receiver.Zipkin{}
			server := httptest.NewUnstartedServer(to)
			server.TLS = secure.Clone()
			server.Config.ErrorLog = slog.NewLogLogger(quiet.Handler(), slog.LevelInfo)
			server.StartTLS()
			defer server.Close()
			c := config("zipkin")
			c.Zipkin.URL, c.FlushTimeout = server.URL+"/api/v2/spans", time.Second
			c.Zipkin.CA, c.Zipkin.Cert, c.Zipkin.Key = test.ca, test.cert, test.key
			if err := sendOne(t, c); (err == nil) != test.accepted {
				t.Errorf("have %v, want the span accepted: %v", err, test.accepted)
			}
			if have := len(to.Spans(t)); (have == 1) != test.accepted {
				t.Errorf("have %d spans, want the span accepted: %v", have, test.accepted)
			}
		})
	}
}

// TestZipkinCertificatesAreReadAgain changes the certificates of both sides while spans are
// delivered. New connections must use the new ones.
func TestZipkinCertificatesAreReadAgain(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	for _, proto := range []string{"http/1.1", "h2"} {
		r := testkit.NewRotation(t)
		to := &receiver.Zipkin{}
		server := httptest.NewUnstartedServer(to)
		server.TLS, server.EnableHTTP2 = r.ServerTLS(proto), proto == "h2"
		server.Config.ErrorLog = slog.NewLogLogger(quiet.Handler(), slog.LevelInfo)
		server.StartTLS()
		defer server.Close()
		c := config("zipkin")
		c.Zipkin.URL = server.URL + "/api/v2/spans"
		c.Zipkin.CA, c.Zipkin.Cert, c.Zipkin.Key = r.CA, r.Cert, r.Key
		tr, closer := open(t, c)
		for n := range 3 {
			tr.StartSpan("call").Finish()
			testkit.Eventually(t, "the span arrives", func() bool { return len(to.Spans(t)) > n })
			r.Rotate(t)
			server.CloseClientConnections()
		}
		if err := closer.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestUnusableTLSFiles opens tracers with missing or unsuitable files.
func TestUnusableTLSFiles(t *testing.T) {
	a := testkit.NewAuthority(t)
	cert, key := a.Issue(t, "client")
	_, otherKey := a.Issue(t, "other")
	const mustBeReadable = ": must be a readable file: no such file or directory"
	for _, test := range []struct {
		want          string
		ca, cert, key string
	}{
		{`-zipkin-ca "/no/such.pem"` + mustBeReadable, "/no/such.pem", "", ""},
		{`-zipkin-ca "/dev/null": must contain a certificate in PEM format`, "/dev/null", "", ""},
		{`-zipkin-cert "/no/such.pem"` + mustBeReadable, "", "/no/such.pem", key},
		{`-zipkin-key "/no/such.key"` + mustBeReadable, "", cert, "/no/such.key"},
		{`-zipkin-cert "` + cert + `": must be a certificate in PEM format ` +
			`with its key in -zipkin-key: `, "", cert, otherKey},
	} {
		c := config("zipkin")
		c.Zipkin.CA, c.Zipkin.Cert, c.Zipkin.Key = test.ca, test.cert, test.key
		_, _, err := tracer.Open(t.Context(), c)
		if err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("have %v, want %s", err, test.want)
		}
	}
}

// TestZipkinCredentials checks the header that the collector receives. The collector refuses it;
// the secret must be in neither the log nor the error of Close.
func TestZipkinCredentials(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	const basic = "Basic YW5uOnMzY3JldA=="
	type zipkin = *tracer.ZipkinConfig
	const headers = "x-tenant=a%2Cb, x-key=s3cret"
	for name, test := range map[string]struct {
		change       func(zipkin)
		header, want string
	}{
		"basic": {func(z zipkin) { z.User, z.Password = "ann", "s3cret" }, "Authorization", basic},
		"in the URL": {func(z zipkin) {
			z.URL = strings.Replace(z.URL, "://", "://ann:s3cret@", 1)
		}, "Authorization", basic},
		"query of the URL": {func(z zipkin) { z.URL += "?key=s3cret" }, "", "key=s3cret"},
		"bearer": {func(z zipkin) { z.Token = " s3cret\n" },
			"Authorization", "Bearer s3cret"},
		"first header":  {func(z zipkin) { z.Headers = headers }, "X-Tenant", "a,b"},
		"second header": {func(z zipkin) { z.Headers = headers }, "X-Key", "s3cret"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			received := make(chan string, 100)
			unauthorized := func(w http.ResponseWriter, r *http.Request) {
				if test.header == "" {
					received <- r.URL.RawQuery
				} else {
					received <- r.Header.Get(test.header)
				}
				w.WriteHeader(http.StatusUnauthorized)
			}
			srv := httptest.NewServer(http.HandlerFunc(unauthorized))
			defer srv.Close()
			var lines testkit.Buffer
			c := config("zipkin")
			c.Zipkin.URL, c.FlushTimeout = srv.URL+"/api/v2/spans", 2*time.Second
			test.change(&c.Zipkin)
			log := slog.New(slog.NewTextHandler(&lines, nil))
			err := sendOne(t, c, tracer.WithLogger(log))
			if have := <-received; have != test.want {
				t.Errorf("have %q, want %q", have, test.want)
			}
			out := fmt.Sprint(lines.String(), err)
			if err == nil || strings.Contains(out, "s3cret") {
				t.Errorf("have log and error %q, want an error and no secret", out)
			}
			if strings.Count(out, "configuration") != 1 ||
				!strings.Contains(lines.String(), "401 Unauthorized") ||
				!strings.Contains(out, srv.Listener.Addr().String()) {
				t.Errorf("have %q, want one line that names the address and 401", out)
			}
		})
	}
}

// TestZipkinReusesItsConnection has responses with long bodies. Each must be read to its end, so
// that all posts use one connection.
func TestZipkinReusesItsConnection(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	var connections, posts atomic.Int32
	srv := httptest.NewUnstartedServer(http.HandlerFunc(
		func(w http.ResponseWriter, _ *http.Request) {
			if posts.Add(1) <= 5 {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
			_, _ = w.Write(make([]byte, 32<<10))
		}))
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	srv.Start()
	defer srv.Close()
	c := config("zipkin")
	c.Zipkin.URL, c.Delivery.Senders = srv.URL+"/api/v2/spans", 1
	m := &tracer.Metrics{}
	tr, closer := open(t, c, tracer.WithMetrics(m))
	for sent := uint64(1); sent <= 3; sent++ {
		tr.StartSpan("call").Finish()
		testkit.Eventually(t, "the span is sent", func() bool {
			return m.Stats().Sinks["zipkin"].Sent == sent
		})
	}
	if err := closer.Close(); err != nil {
		t.Error(err)
	}
	if connections.Load() != 1 || posts.Load() != 8 {
		t.Errorf("have %d connections for %d posts, want 1 for 8",
			connections.Load(), posts.Load())
	}
}

// TestZipkinKeepsAConnectionForEachSender has a collector that answers when all senders have
// posted. A second round uses the same connections.
func TestZipkinKeepsAConnectionForEachSender(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	const senders = 4
	var connections atomic.Int32
	posts, release := make(chan bool), make(chan bool)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(
		func(http.ResponseWriter, *http.Request) { posts <- true; <-release }))
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	srv.Start()
	defer srv.Close()
	c := config("zipkin")
	c.Zipkin.URL, c.Delivery.Senders = srv.URL+"/api/v2/spans", senders
	m := &tracer.Metrics{}
	tr, closer := open(t, c, tracer.WithMetrics(m))
	name := strings.Repeat("x", 1000)
	for round := range 2 {
		for range senders { // a batch has at most 256 KiB
			for range 240 {
				tr.StartSpan(name).Finish()
			}
			<-posts
		}
		for range senders {
			release <- true
		}
		testkit.Eventually(t, "the spans are sent", func() bool {
			return m.Stats().Sinks["zipkin"].Sent == uint64(round+1)*senders*240
		})
	}
	if n := connections.Load(); n != senders {
		t.Errorf("have %d connections, want %d", n, senders)
	}
	if err := closer.Close(); err != nil {
		t.Error(err)
	}
}

// TestPostsToZipkinAreLimited has a collector that does not answer the first post. The post ends
// after 10 s, and the spans are sent again.
func TestPostsToZipkinAreLimited(t *testing.T) {
	testkit.Slow(t)
	t.Parallel()
	release := make(chan struct{})
	to := &receiver.Zipkin{}
	var posts atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if posts.Add(1) == 1 {
			<-release
			return
		}
		to.ServeHTTP(w, r)
	}))
	defer srv.Close()
	defer close(release)
	c := config("zipkin")
	c.Zipkin.URL = srv.URL + "/api/v2/spans"
	tr, closer := open(t, c)
	start := time.Now()
	tr.StartSpan("call").Finish()
	testkit.Eventually(t, "the span arrives", func() bool { return len(to.Spans(t)) == 1 })
	if took := time.Since(start); took < 10*time.Second {
		t.Errorf("have the span sent again after %v, want 10 s", took)
	}
	if err := closer.Close(); err != nil {
		t.Error(err)
	}
}

// TestOnlyZipkinsAnswerCountsAsSuccess has collectors and proxies that report success in different
// ways. Only a proxy's page is not the collector's: Close sends the span again.
func TestOnlyZipkinsAnswerCountsAsSuccess(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	const page = "<html>please log in</html>"
	for _, test := range []struct {
		status            int
		contentType, body string
		success           bool
	}{
		{202, "", "", true}, // Zipkin's
		{200, "", "", true},
		{204, "", "", true},
		{202, "text/plain; charset=utf-8", "ok", true},
		{200, "application/json", "{}", true},
		{202, "", "accepted", true},
		{202, "text/html; charset=utf-8", "", true},
		{204, "text/html", "", true},
		{200, "text/html", page, false},
		{202, "Text/HTML; charset=utf-8", page, false},
		{202, "text/html; charset", page, false},
		{206, "application/xhtml+xml", page, false},
	} {
		t.Run(fmt.Sprint(test), func(t *testing.T) {
			t.Parallel()
			to := &receiver.Zipkin{}
			var posts atomic.Int32
			srv := httptest.NewServer(http.HandlerFunc(
				func(w http.ResponseWriter, r *http.Request) {
					if posts.Add(1) > 1 {
						to.ServeHTTP(w, r)
						return
					}
					_, _ = io.Copy(io.Discard, r.Body)
					w.Header()["Content-Type"] = nil // otherwise net/http guesses it
					if test.contentType != "" {
						w.Header().Set("Content-Type", test.contentType)
					}
					w.WriteHeader(test.status)
					if test.body != "" {
						_, _ = io.WriteString(w, test.body+r.Header.Get("Authorization"))
					}
				}))
			t.Cleanup(srv.Close)
			c := config("zipkin")
			c.Zipkin.URL, c.Zipkin.Token = srv.URL+"/api/v2/spans", "s3cret-token"
			var m tracer.Metrics
			var lines testkit.Buffer
			log := slog.New(slog.NewTextHandler(&lines, nil))
			tr, closer := open(t, c, tracer.WithMetrics(&m), tracer.WithLogger(log))
			tr.StartSpan("call").Finish()
			testkit.Eventually(t, "the collector's answer is judged", func() bool {
				return m.Stats().Sinks["zipkin"].Sent == 1 || lines.String() != ""
			})
			if err := closer.Close(); err != nil {
				t.Error(err)
			}
			if again := len(to.Spans(t)) == 1; again == test.success {
				t.Errorf("have the span sent again: %v", again)
			}
			have := lines.String()
			if strings.Contains(have, "s3cret") || (have == "") != test.success ||
				!test.success && !strings.Contains(have, "please log in") {
				t.Errorf("have log %q, want the page, without secrets", have)
			}
		})
	}
}

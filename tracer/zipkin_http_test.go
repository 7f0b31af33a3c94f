package tracer_test

import (
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

// TestZipkinTLSFiles opens a tracer with files that are unusable.
func TestZipkinTLSFiles(t *testing.T) {
	a := testkit.NewAuthority(t)
	cert, key := a.Issue(t, "client")
	_, otherKey := a.Issue(t, "other")
	for _, test := range []struct {
		want          string
		ca, cert, key string
	}{
		{`-zipkin-ca "/no/such.pem": must be a readable file: no such file or directory`, "/no/such.pem", "", ""},
		{`-zipkin-ca "/dev/null": must contain a certificate in PEM format`, "/dev/null", "", ""},
		{`-zipkin-cert "/no/such.pem": must be a readable file: no such file or directory`, "", "/no/such.pem", key},
		{`-zipkin-key "/no/such.key": must be a readable file: no such file or directory`, "", cert, "/no/such.key"},
		{`-zipkin-cert "` + cert + `": must be a certificate in PEM format with its key in -zipkin-key: `, "", cert, otherKey},
	} {
		c := config("zipkin")
		c.Zipkin.CA, c.Zipkin.Cert, c.Zipkin.Key = test.ca, test.cert, test.key
		_, _, err := tracer.Open(t.Context(), c)
		if err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("have %v, want %s", err, test.want)
		}
	}
}

// TestZipkinCredentials looks at what the collector was shown, and for secrets in what was said when it refused.
func TestZipkinCredentials(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*tracer.Config)
		header string
		want   string
	}{
		"basic":       {func(c *tracer.Config) { c.Zipkin.User, c.Zipkin.Password = "ann", "s3cret" }, "Authorization", "Basic YW5uOnMzY3JldA=="},
		"in the URL":  {func(c *tracer.Config) { c.Zipkin.URL = strings.Replace(c.Zipkin.URL, "://", "://ann:s3cret@", 1) }, "Authorization", "Basic YW5uOnMzY3JldA=="},
		"bearer":      {func(c *tracer.Config) { c.Zipkin.Token = "s3cret" }, "Authorization", "Bearer s3cret"},
		"own headers": {func(c *tracer.Config) { c.Zipkin.Headers = "x-tenant=a%2Cb, x-key=s3cret" }, "X-Tenant", "a,b"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shown := make(chan string, 100)
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				shown <- r.Header.Get(test.header)
				w.WriteHeader(http.StatusUnauthorized)
			}))
			defer srv.Close()
			var lines testkit.Buffer
			c := config("zipkin")
			c.Zipkin.URL, c.FlushTimeout = srv.URL+"/api/v2/spans", 2*time.Second
			test.change(&c)
			tr, closer, err := tracer.Open(t.Context(), c, tracer.WithLogger(slog.New(slog.NewTextHandler(&lines, nil))))
			if err != nil {
				t.Fatal(err)
			}
			tr.StartSpan("call").Finish()
			err = closer.Close()
			if have := <-shown; have != test.want {
				t.Errorf("have %q, want %q", have, test.want)
			}
			said := lines.String()
			if err != nil {
				said += err.Error()
			}
			if strings.Contains(said, "s3cret") {
				t.Errorf("the secret is in %q", said)
			}
			if strings.Count(said, "mistake in the configuration") != 1 || !strings.Contains(said, "401 Unauthorized") ||
				!strings.Contains(said, srv.Listener.Addr().String()) {
				t.Errorf("have %q, want one line that names the address and 401", said)
			}
		})
	}
}

// TestZipkinReusesItsConnection has answers with long bodies, refusals and others: each is read to its end, so that one
// connection does for all posts.
func TestZipkinReusesItsConnection(t *testing.T) {
	t.Parallel()
	var connections, posts atomic.Int32
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
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
	tr, closer, err := tracer.Open(t.Context(), c, tracer.WithLogger(quiet), tracer.WithMetrics(m))
	if err != nil {
		t.Fatal(err)
	}
	for sent := uint64(1); sent <= 3; sent++ {
		tr.StartSpan("call").Finish()
		testkit.Eventually(t, "it is sent", func() bool { return m.Stats().Sinks["zipkin"].Sent == sent })
	}
	if err := closer.Close(); err != nil {
		t.Error(err)
	}
	if connections.Load() != 1 || posts.Load() != 8 {
		t.Errorf("have %d connections for %d posts, want one for 8", connections.Load(), posts.Load())
	}
}

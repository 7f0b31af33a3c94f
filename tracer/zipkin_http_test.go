package tracer_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"bookservice/tracer"
)

// writePEM writes a certificate for 127.0.0.1 that signs itself, and its key.
func writePEM(t *testing.T) (cert, key string, pair tls.Certificate) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "EC PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if pair, err = tls.LoadX509KeyPair(cert, key); err != nil {
		t.Fatal(err)
	}
	return cert, key, pair
}

// TestZipkinOverTLS has each side check the other's certificate.
func TestZipkinOverTLS(t *testing.T) {
	t.Parallel()
	cert, key, pair := writePEM(t)
	pool := x509.NewCertPool()
	pool.AddCert(pair.Leaf)
	for name, test := range map[string]struct {
		change func(*tracer.Config)
		taken  bool
	}{
		"both":           {func(c *tracer.Config) { c.Zipkin.CA, c.Zipkin.Cert, c.Zipkin.Key = cert, cert, key }, true},
		"no certificate": {func(c *tracer.Config) { c.Zipkin.CA = cert }, false},
		"unknown CA":     {func(c *tracer.Config) { c.Zipkin.Cert, c.Zipkin.Key = cert, key }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			to := &collector{}
			to.Server = httptest.NewUnstartedServer(to)
			to.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}
			to.Config.ErrorLog = slog.NewLogLogger(quiet.Handler(), slog.LevelInfo)
			to.StartTLS()
			defer to.Close()
			c := config("zipkin")
			c.Zipkin.URL, c.FlushTimeout = to.URL+"/api/v2/spans", time.Second
			test.change(&c)
			tr, closer, err := tracer.Open(t.Context(), c, tracer.WithLogger(quiet))
			if err != nil {
				t.Fatal(err)
			}
			tr.StartSpan("call").Finish()
			if err := closer.Close(); (err == nil) != test.taken {
				t.Errorf("have %v, want it taken: %v", err, test.taken)
			}
			if have := len(to.received(t)); (have == 1) != test.taken {
				t.Errorf("have %d spans, want it taken: %v", have, test.taken)
			}
		})
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
			var lines lockedBuffer
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
			if strings.Count(said, "check the configuration") != 1 || !strings.Contains(said, "401 Unauthorized") ||
				!strings.Contains(said, srv.Listener.Addr().String()) {
				t.Errorf("have %q, want one line that names the address and 401", said)
			}
		})
	}
}

func TestZipkinSettings(t *testing.T) {
	for _, test := range []struct {
		want   string
		change func(*tracer.Config)
	}{
		{`tracer: zipkin-transport "pigeon": must be http, kafka or rabbitmq`, func(c *tracer.Config) { c.Zipkin.Transport = "pigeon" }},
		{`tracer: zipkin-format "xml": must be proto or json`, func(c *tracer.Config) { c.Zipkin.Format = "xml" }},
		{`tracer: zipkin-cert and zipkin-key: must both be given, or neither`, func(c *tracer.Config) { c.Zipkin.Cert = "x" }},
		{`tracer: zipkin-ca: open /no/such.pem: no such file or directory`, func(c *tracer.Config) { c.Zipkin.CA = "/no/such.pem" }},
		{`tracer: zipkin-ca: no certificate in /dev/null`, func(c *tracer.Config) { c.Zipkin.CA = "/dev/null" }},
		{`tracer: zipkin-password: needs a zipkin-user`, func(c *tracer.Config) { c.Zipkin.Password = "s3cret" }},
		{`tracer: zipkin-user and zipkin-token: must not both be given`, func(c *tracer.Config) { c.Zipkin.User, c.Zipkin.Token = "a", "b" }},
		{`tracer: zipkin-headers: pair 1: must be key=value with a percent-encoded value`, func(c *tracer.Config) { c.Zipkin.Headers = "s3cret" }},
		{`tracer: zipkin-headers: "a b": must be a name and a value that HTTP allows`, func(c *tracer.Config) { c.Zipkin.Headers = "a b=s3cret" }},
		{`tracer: kafka-brokers "here": must be host:port, several with commas`, func(c *tracer.Config) { c.Zipkin.Transport, c.Kafka.Brokers = "kafka", "here" }},
		{`tracer: kafka-brokers is empty: -zipkin-transport kafka needs some`, func(c *tracer.Config) { c.Zipkin.Transport, c.Kafka.Brokers = "kafka", "" }},
		{`tracer: kafka-topic is empty`, func(c *tracer.Config) { c.Zipkin.Transport, c.Kafka.Topic = "kafka", "" }},
		{`tracer: kafka-sasl "plain": needs a kafka-user`, func(c *tracer.Config) { c.Zipkin.Transport, c.Kafka.SASL = "kafka", "plain" }},
		{`tracer: kafka-sasl "x": must be plain, scram-sha-256, scram-sha-512 or empty`, func(c *tracer.Config) {
			c.Zipkin.Transport, c.Kafka.SASL, c.Kafka.User = "kafka", "x", "a"
		}},
		{`tracer: rabbitmq-url "http://u:xxxxx@h": must be like amqp://user:password@127.0.0.1:5672/`, func(c *tracer.Config) {
			c.Zipkin.Transport, c.RabbitMQ.URL = "rabbitmq", "http://u:s3cret@h"
		}},
		{`tracer: rabbitmq-queue is empty`, func(c *tracer.Config) { c.Zipkin.Transport, c.RabbitMQ.Queue = "rabbitmq", "" }},
		{`tracer: queue-bytes 1: must be 1048576 or more`, func(c *tracer.Config) { c.Delivery.QueueBytes = 1 }},
		{`tracer: senders 65: must be 1 to 64`, func(c *tracer.Config) { c.Delivery.Senders = 65 }},
		{`tracer: spool-bytes 1: must be 1048576 or more`, func(c *tracer.Config) { c.Delivery.SpoolBytes = 1 }},
		{`tracer: spool-sync 1µs: must be 1ms or more`, func(c *tracer.Config) { c.Delivery.SpoolSync = time.Microsecond }},
	} {
		c := config("zipkin")
		test.change(&c)
		if _, _, err := tracer.Open(t.Context(), c); err == nil || err.Error() != test.want {
			t.Errorf("have %v, want %s", err, test.want)
		}
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
		eventually(t, "it is sent", func() bool { return m.Stats().Sinks["zipkin"].Sent == sent })
	}
	if err := closer.Close(); err != nil {
		t.Error(err)
	}
	if connections.Load() != 1 || posts.Load() != 8 {
		t.Errorf("have %d connections for %d posts, want one for 8", connections.Load(), posts.Load())
	}
}

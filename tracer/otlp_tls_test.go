package tracer_test

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"bookservice/tracer"
)

// An authority signs certificates for 127.0.0.1.
type authority struct {
	folder string
	cert   *x509.Certificate
	key    *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{folder: t.TempDir()}
	a.cert = &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	a.cert, a.key = a.sign(t, "ca", a.cert)
	return a
}

func (a *authority) path(name string) string { return filepath.Join(a.folder, name) }

// sign writes name.pem and name.key.
func (a *authority) sign(t *testing.T, name string, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), cmp.Or(a.key, key))
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{name + ".pem": {Type: "CERTIFICATE", Bytes: der}, name + ".key": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(a.path(file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// serverTLS asks for a client's certificate of the same authority.
func (a *authority) serverTLS(t *testing.T) *tls.Config {
	t.Helper()
	for _, name := range []string{"server", "client"} {
		a.sign(t, name, &x509.Certificate{SerialNumber: big.NewInt(2), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}})
	}
	pair, err := tls.LoadX509KeyPair(a.path("server.pem"), a.path("server.key"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert}
}

// TestOTLPOverTLS has a collector with a certificate of an authority of its own, that asks for one of the client's.
func TestOTLPOverTLS(t *testing.T) {
	a := newAuthority(t)
	secure := a.serverTLS(t)
	t.Setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", a.path("ca.pem"))
	t.Setenv("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", a.path("client.pem"))
	t.Setenv("OTEL_EXPORTER_OTLP_CLIENT_KEY", a.path("client.key"))
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			r := &receiver{}
			c := config("otlp")
			c.OTLP.Protocol, c.OTLP.Endpoint = protocol, r.serveTLS(t, protocol, secure)
			tr, closer, err := tracer.Open(t.Context(), c, tracer.WithLogger(quiet))
			if err != nil {
				t.Fatal(err)
			}
			tr.StartSpan("call").Finish()
			if err := closer.Close(); err != nil {
				t.Fatal(err)
			}
			if n := len(r.received()); n != 1 {
				t.Errorf("have %d spans, want 1", n)
			}
		})
	}
}

// serveTLS serves one protocol and returns its URL.
func (r *receiver) serveTLS(t *testing.T, protocol string, c *tls.Config) string {
	t.Helper()
	if protocol == tracer.OTLPHTTP {
		web := httptest.NewUnstartedServer(http.HandlerFunc(r.post))
		web.TLS = c.Clone()
		web.StartTLS()
		t.Cleanup(web.Close)
		return web.URL
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := grpc.NewServer(grpc.Creds(credentials.NewTLS(c.Clone())))
	coltracepb.RegisterTraceServiceServer(srv, r)
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(srv.Stop)
	return "https://" + l.Addr().String()
}

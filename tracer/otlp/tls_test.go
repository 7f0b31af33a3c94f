package otlp_test

import (
	"crypto/tls"
	"log/slog"
	"net"
	"net/http/httptest"
	"testing"
	"time"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"bookservice/tracer/otlp"
	"bookservice/tracer/tracertest/receiver"
	"bookservice/tracer/tracertest/testkit"
)

// TestOverTLS sends to a collector whose certificate is of a private authority and which requires a
// client certificate. Each side must verify the other.
func TestOverTLS(t *testing.T) {
	testkit.Slow(t)
	a, other := testkit.NewAuthority(t), testkit.NewAuthority(t)
	secure := a.ServerTLS(t)
	cert, key := a.Issue(t, "client")
	otherCert, otherKey := other.Issue(t, "client")
	for _, protocol := range protocols {
		for name, test := range map[string]struct {
			ca, cert, key string
			accepted      bool
		}{
			"both":                    {a.CA, cert, key, true},
			"no client certificate":   {a.CA, "", "", false},
			"another's client":        {a.CA, otherCert, otherKey, false},
			"server of an unknown CA": {other.CA, cert, key, false},
			"no CA":                   {"", cert, key, false},
		} {
			t.Run(protocol+" "+name, func(t *testing.T) {
				t.Parallel()
				r := &receiver.OTLP{}
				s := config("otlp")
				s.OTLP.Protocol, s.OTLP.Endpoint = protocol, serveTLS(t, r, protocol, secure)
				s.FlushTimeout = time.Second
				if test.accepted {
					s.FlushTimeout = 30 * time.Second
				}
				s.variables(t, map[string]string{
					"OTEL_EXPORTER_OTLP_CERTIFICATE":        test.ca,
					"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": test.cert,
					"OTEL_EXPORTER_OTLP_CLIENT_KEY":         test.key,
				})
				if err := s.sendOne(t); (err == nil) != test.accepted {
					t.Errorf("have %v, want the span accepted: %v", err, test.accepted)
				}
				if n := len(r.Spans()); (n == 1) != test.accepted {
					t.Errorf("have %d spans, want the span accepted: %v", n, test.accepted)
				}
			})
		}
	}
}

// serveTLS serves one protocol and returns its URL.
func serveTLS(t *testing.T, r *receiver.OTLP, protocol string, c *tls.Config) string {
	t.Helper()
	if protocol == otlp.HTTP {
		web := httptest.NewUnstartedServer(r)
		web.TLS = c.Clone()
		web.Config.ErrorLog = slog.NewLogLogger(quiet.Handler(), slog.LevelInfo)
		web.StartTLS()
		t.Cleanup(web.Close)
		return web.URL
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.Creds(credentials.NewTLS(c.Clone())))
	coltracepb.RegisterTraceServiceServer(server, r)
	go func() { _ = server.Serve(l) }()
	t.Cleanup(server.Stop)
	return "https://" + l.Addr().String()
}

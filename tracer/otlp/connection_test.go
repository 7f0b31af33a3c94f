package otlp_test

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opentracing/opentracing-go"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"

	"bookservice/tracer"
	"bookservice/tracer/otlp"
	"bookservice/tracer/tracertest/receiver"
	"bookservice/tracer/tracertest/testkit"
)

// TestDeadConnectionIsReplaced sends through a proxy whose connections die without a word. The next
// connection is opened after two time-outs in a row.
func TestDeadConnectionIsReplaced(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			r := receiver.NewOTLP(t, nil)
			proxy := testkit.NewProxy(t, strings.TrimPrefix(at(r, protocol), "http://"))
			s := to(r, protocol)
			s.OTLP.Endpoint, s.OTLP.Timeout = "http://"+proxy.Addr, time.Second
			var m tracer.Metrics
			err := s.run(t, func(tr opentracing.Tracer) {
				for n := range 3 {
					tr.StartSpan("call").Finish()
					testkit.Eventually(t, "the span arrives", func() bool {
						return m.Stats().Sinks["otlp"].Sent == uint64(n+1)
					})
					proxy.Freeze()
				}
			}, tracer.WithMetrics(&m))
			if err != nil {
				t.Error(err)
			}
			if n := m.Stats().Sinks["otlp"].Retried; n < 2 || n > 4 {
				t.Errorf("have %d attempts that failed, want at most 2 for each dead connection", n)
			}
		})
	}
}

// TestCloseDoesNotWaitForADeadConnection closes a tracer whose connection is dead.
func TestCloseDoesNotWaitForADeadConnection(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	for _, protocol := range protocols {
		r := receiver.NewOTLP(t, nil)
		proxy := testkit.NewProxy(t, strings.TrimPrefix(at(r, protocol), "http://"))
		s := to(r, protocol)
		s.OTLP.Endpoint, s.FlushTimeout = "http://"+proxy.Addr, 300*time.Millisecond
		var start time.Time
		err := s.run(t, func(tr opentracing.Tracer) {
			tr.StartSpan("call").Finish()
			testkit.Eventually(t, "the span arrives", func() bool { return len(r.Spans()) == 1 })
			proxy.Freeze()
			tr.StartSpan("call").Finish()
			start = time.Now()
		})
		took := time.Since(start)
		if err == nil || took > s.FlushTimeout+time.Second {
			t.Errorf("%s: have %v after %v, want the loss after the flush timeout",
				protocol, err, took)
		}
	}
}

// TestIdleConnectionIsNotPinged has a collector with gRPC's defaults, which closes a connection on
// which more than two pings arrive within 5 minutes of each other without requests.
func TestIdleConnectionIsNotPinged(t *testing.T) {
	testkit.Slow(t)
	t.Parallel()
	r := receiver.NewOTLP(t, nil)
	proxy := testkit.NewProxy(t, strings.TrimPrefix(r.GRPCURL, "http://"))
	s := to(r, otlp.GRPC)
	s.OTLP.Endpoint = "http://" + proxy.Addr
	err := s.run(t, func(tr opentracing.Tracer) {
		tr.StartSpan("before").Finish()
		<-time.After(45 * time.Second) // gRPC's shortest interval of pings is 10 s
		tr.StartSpan("after").Finish()
	})
	if err != nil || len(r.Spans()) != 2 || proxy.Conns() != 1 {
		t.Errorf("have %v, %d spans and %d connections, want 2 spans over one connection",
			err, len(r.Spans()), proxy.Conns())
	}
}

// TestTimeoutSetting has a collector that does not answer the first request. The attempt ends after
// the time of the setting.
func TestTimeoutSetting(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	for _, protocol := range protocols {
		r := receiver.NewOTLP(t, nil)
		release := make(chan struct{})
		r.HangOnce(release)
		s := to(r, protocol)
		s.OTLP.Timeout = 200 * time.Millisecond
		s.variables(t, map[string]string{"OTEL_EXPORTER_OTLP_TIMEOUT": "60000"})
		start := time.Now()
		err := s.run(t, func(tr opentracing.Tracer) {
			tr.StartSpan("call").Finish()
			testkit.Eventually(t, "the span is sent again", func() bool {
				return len(r.Spans()) == 1
			})
		})
		close(release)
		if took := time.Since(start); err != nil || took < 200*time.Millisecond ||
			took > 5*time.Second {
			t.Errorf("%s: have %v, sent again after %v, want 200 ms", protocol, err, took)
		}
	}
}

// TestEndpointsThatGRPCAllows sends to a collector by each form of its address.
func TestEndpointsThatGRPCAllows(t *testing.T) {
	r := &receiver.OTLP{}
	socket := filepath.Join(t.TempDir(), "otlp.sock")
	tcp := serveGRPC(t, r, "tcp", "127.0.0.1:0")
	serveGRPC(t, r, "unix", socket)
	forms := []string{
		tcp, "dns:" + tcp, "dns:///" + tcp, "passthrough:///" + tcp, "http://" + tcp,
		"HTTP://" + tcp + "/v1/traces?key=1",
		"unix:" + socket, "unix://" + socket,
		strings.Replace(tcp, "127.0.0.1", "localhost", 1),
	}
	if l, err := net.Listen("tcp", "[::1]:0"); err == nil {
		l.Close()
		v6 := serveGRPC(t, r, "tcp", "[::1]:0")
		forms = append(forms, v6, "http://"+v6)
	}
	for i, endpoint := range forms {
		for _, variable := range []bool{false, true} {
			s := config("otlp")
			s.OTLP.Insecure, s.OTLP.Endpoint = true, endpoint
			if variable {
				s.OTLP = otlp.DefaultConfig()
				s.variables(t, map[string]string{
					"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_INSECURE": "true",
				})
			}
			if err := s.sendOne(t); err != nil {
				t.Errorf("%s: have %v", endpoint, err)
			}
		}
		if have := len(r.Spans()); have != 2*(i+1) {
			t.Fatalf("%s: have %d spans, want %d", endpoint, have, 2*(i+1))
		}
	}
}

// TestEndpointWithoutSchemeMeansTLS sends to host:port without the setting for plain text.
func TestEndpointWithoutSchemeMeansTLS(t *testing.T) {
	a, r := testkit.NewAuthority(t), &receiver.OTLP{}
	cert, key := a.Issue(t, "client")
	url := serveTLS(t, r, otlp.GRPC, a.ServerTLS(t))
	for _, prefix := range []string{"", "dns:///", "passthrough:///"} {
		s := config("otlp")
		s.OTLP.Endpoint = prefix + strings.TrimPrefix(url, "https://")
		s.variables(t, map[string]string{
			"OTEL_EXPORTER_OTLP_CERTIFICATE":        a.CA,
			"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": cert,
			"OTEL_EXPORTER_OTLP_CLIENT_KEY":         key,
		})
		if err := s.sendOne(t); err != nil {
			t.Errorf("%s: have %v", s.OTLP.Endpoint, err)
		}
	}
}

// serveGRPC serves the collector over gRPC in plain text.
func serveGRPC(t *testing.T, r *receiver.OTLP, network, address string) (addr string) {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	coltracepb.RegisterTraceServiceServer(server, r)
	go func() { _ = server.Serve(l) }()
	t.Cleanup(server.Stop)
	return l.Addr().String()
}

// TestQueryOfTheEndpointIsSent posts to endpoints with queries, of which some have no path.
func TestQueryOfTheEndpointIsSent(t *testing.T) {
	var mu sync.Mutex
	var have []string
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		have = append(have, r.URL.String())
	}))
	defer srv.Close()
	for _, test := range []struct{ name, suffix string }{
		{"", "?key=a%2Fb"}, {"", "/v1/traces?key=a%2Fb"}, {"", "/?key=a%2Fb"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "?key=a%2Fb"},
		{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "/v1/traces?key=a%2Fb"},
	} {
		s := config("otlp")
		s.OTLP.Protocol = otlp.HTTP
		if test.name == "" {
			s.OTLP.Endpoint = srv.URL + test.suffix
		} else {
			s.variables(t, map[string]string{test.name: srv.URL + test.suffix})
		}
		if err := s.sendOne(t); err != nil {
			t.Error(err)
		}
	}
	if want := slices.Repeat([]string{"/v1/traces?key=a%2Fb"}, 5); !slices.Equal(have, want) {
		t.Errorf("have posts to %q, want %q", have, want)
	}
}

// TestNoRedirectIsFollowed has a collector over HTTP that redirects. No request arrives at the
// other host, and the spans do not count as sent.
func TestNoRedirectIsFollowed(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the other host has received %s with header %v", r.Method, r.Header)
	}))
	defer other.Close()
	for _, status := range []int{300, 301, 302, 303, 307, 308} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/login" {
				t.Errorf("%d: the redirect to the same host is followed", status)
			}
			w.Header().Set("Location", other.URL)
			if status%2 == 0 {
				w.Header().Set("Location", "/login")
			}
			w.WriteHeader(status)
			fmt.Fprint(w, "please log in")
		}))
		s := config("otlp")
		s.OTLP.Protocol, s.OTLP.Endpoint, s.OTLP.Headers = otlp.HTTP, srv.URL, "x-key=s3cret"
		s.FlushTimeout = 200 * time.Millisecond
		var m tracer.Metrics
		start := time.Now()
		err := s.run(t, func(tr opentracing.Tracer) { tr.StartSpan("call").Finish() },
			tracer.WithMetrics(&m))
		took := time.Since(start)
		if err == nil || !strings.Contains(err.Error(), fmt.Sprint(status)) ||
			!strings.Contains(err.Error(), "please log in") || m.Stats().Sinks["otlp"].Sent != 0 {
			t.Errorf("%d: have %v, want the answer and its words", status, err)
		}
		if took > s.FlushTimeout+time.Second {
			t.Errorf("%d: Close took %v, want the flush timeout", status, took)
		}
		srv.Close()
	}
}

// TestCertificatesAreReadAgain changes the certificates of both sides while spans are delivered.
// Then the client's files become unusable: the last good ones stay in force, and the log says so.
func TestCertificatesAreReadAgain(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			rotation, r := testkit.NewRotation(t), &receiver.OTLP{}
			url := serveTLS(t, r, protocol, rotation.ServerTLS("h2", "http/1.1"))
			proxy := testkit.NewProxy(t, strings.TrimPrefix(url, "https://"))
			s := config("otlp")
			s.OTLP.Protocol, s.OTLP.Endpoint = protocol, "https://"+proxy.Addr
			s.OTLP.Timeout = 2 * time.Second
			s.variables(t, map[string]string{
				"OTEL_EXPORTER_OTLP_CERTIFICATE":        rotation.CA,
				"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": rotation.Cert,
				"OTEL_EXPORTER_OTLP_CLIENT_KEY":         rotation.Key,
			})
			var m tracer.Metrics
			var lines testkit.Buffer
			log := slog.New(slog.NewTextHandler(&lines, nil))
			err := s.run(t, func(tr opentracing.Tracer) {
				for n := range 4 {
					tr.StartSpan("call").Finish()
					testkit.Eventually(t, "the span is sent", func() bool {
						return m.Stats().Sinks["otlp"].Sent == uint64(n+1)
					})
					proxy.Freeze()
					if n < 2 {
						rotation.Rotate(t)
						continue
					}
					rotation.Damage(t)
				}
			}, tracer.WithLogger(log), tracer.WithMetrics(&m))
			if err != nil {
				t.Error(err)
			}
			const unusable = "changed TLS files not usable"
			if n := strings.Count(lines.String(), unusable); n != 1 {
				t.Errorf("have %d lines about unusable files, want 1: %s", n, lines.String())
			}
		})
	}
}

// TestDefaultEndpointIsNamed checks that errors and the log name the endpoint if none is set.
func TestDefaultEndpointIsNamed(t *testing.T) {
	for protocol, want := range map[string]string{
		otlp.GRPC: "http://127.0.0.1:4317", otlp.HTTP: "http://127.0.0.1:4318/v1/traces",
	} {
		if conn, err := net.Dial("tcp", strings.Split(want, "/")[2]); err == nil {
			conn.Close()
			t.Skip("a collector is running at ", want)
		}
		s := config("otlp")
		s.OTLP.Protocol, s.FlushTimeout = protocol, 100*time.Millisecond
		var log testkit.Buffer
		err := s.run(t, func(tr opentracing.Tracer) { tr.StartSpan("call").Finish() },
			tracer.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
		if err == nil || !strings.Contains(err.Error(), "otlp "+want+": 1 spans lost") {
			t.Errorf("have %v, want it to name %s", err, want)
		}
		if !strings.Contains(log.String(), "to="+want+" ") {
			t.Errorf("have log\n%s\nwant it to name %s", log.String(), want)
		}
	}
}

package tracer_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	kitot "github.com/go-kit/kit/tracing/opentracing"
	grpctransport "github.com/go-kit/kit/transport/grpc"
	httptransport "github.com/go-kit/kit/transport/http"
	"github.com/go-kit/log"
	"github.com/google/go-cmp/cmp"
	"github.com/opentracing/opentracing-go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"

	"bookservice/tracer"
)

type headers = map[string]string

// A chain is two servers of one protocol. call calls the first one with headers. The first server
// is traced with go-kit's options and calls the second one. call returns the headers that the
// second server receives, with names in lower case.
type chain func(
	t *testing.T, tr opentracing.Tracer,
) (call func(t *testing.T, in headers) (received headers))

var (
	checkRequest = func(context.Context, any) (any, error) {
		return &healthpb.HealthCheckRequest{}, nil
	}
	checkResponse = func(context.Context, any) (any, error) {
		return &healthpb.HealthCheckResponse{}, nil
	}
	nop = log.NewNopLogger()
)

// healthFunc is a gRPC service of one function.
type healthFunc struct {
	healthpb.UnimplementedHealthServer
	check func(context.Context) error
}

func (h healthFunc) Check(
	ctx context.Context, _ *healthpb.HealthCheckRequest,
) (*healthpb.HealthCheckResponse, error) {
	return &healthpb.HealthCheckResponse{}, h.check(ctx)
}

// serveGRPC returns a connection to a server of the function.
func serveGRPC(t *testing.T, check func(context.Context) error) *grpc.ClientConn {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := grpc.NewServer()
	healthpb.RegisterHealthServer(srv, healthFunc{check: check})
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(srv.Stop)
	plain := grpc.WithTransportCredentials(insecure.NewCredentials())
	conn, err := grpc.NewClient(l.Addr().String(), plain)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func overGRPC(t *testing.T, tr opentracing.Tracer) func(*testing.T, headers) headers {
	received := headers{}
	last := serveGRPC(t, func(ctx context.Context) error {
		md, _ := metadata.FromIncomingContext(ctx)
		clear(received)
		for k, v := range md {
			received[k] = strings.Join(v, ",")
		}
		return nil
	})
	next := grpctransport.NewClient(last, "grpc.health.v1.Health", "Check",
		checkRequest, checkResponse, healthpb.HealthCheckResponse{},
		grpctransport.ClientBefore(kitot.ContextToGRPC(tr, nop)))
	handler := grpctransport.NewServer(
		kitot.TraceServer(tr, "first")(kitot.TraceClient(tr, "next")(next.Endpoint())),
		checkRequest, checkResponse,
		grpctransport.ServerBefore(kitot.GRPCToContext(tr, "first", nop)))
	first := serveGRPC(t, func(ctx context.Context) error {
		_, _, err := handler.ServeGRPC(ctx, nil)
		return err
	})
	return func(t *testing.T, in headers) headers {
		t.Helper()
		ctx := metadata.NewOutgoingContext(t.Context(), metadata.New(in))
		check := healthpb.NewHealthClient(first)
		if _, err := check.Check(ctx, &healthpb.HealthCheckRequest{}); err != nil {
			t.Fatal(err)
		}
		return received
	}
}

func overHTTP(t *testing.T, tr opentracing.Tracer) func(*testing.T, headers) headers {
	received := headers{}
	last := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		clear(received)
		for k, v := range r.Header {
			received[strings.ToLower(k)] = strings.Join(v, ",")
		}
	}))
	t.Cleanup(last.Close)
	at, err := url.Parse(last.URL)
	if err != nil {
		t.Fatal(err)
	}
	next := httptransport.NewClient(http.MethodGet, at,
		func(context.Context, *http.Request, any) error { return nil },
		func(context.Context, *http.Response) (any, error) { return nil, nil },
		httptransport.ClientBefore(kitot.ContextToHTTP(tr, nop)))
	first := httptest.NewServer(httptransport.NewServer(
		kitot.TraceServer(tr, "first")(kitot.TraceClient(tr, "next")(next.Endpoint())),
		func(context.Context, *http.Request) (any, error) { return nil, nil },
		httptransport.EncodeJSONResponse,
		httptransport.ServerBefore(kitot.HTTPToContext(tr, "first", nop))))
	t.Cleanup(first.Close)
	return func(t *testing.T, in headers) headers {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, first.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		for k, v := range in {
			req.Header[mixedCase(k)] = []string{v} // not net/http's canonical form
		}
		resp, err := first.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Fatal(resp.Status)
		}
		return received
	}
}

// TestDecisionsArePreservedByGoKit sends each decision in each format through a go-kit service,
// over gRPC and HTTP, although the sampler of the service would decide otherwise.
func TestDecisionsArePreservedByGoKit(t *testing.T) {
	const ids = trace128 + "-" + span1
	multi := func(name, value string) headers {
		h := headers{"x-b3-traceid": trace128, "x-b3-spanid": span1}
		if name != "" {
			h[name] = value
		}
		return h
	}
	for decision, test := range map[string]struct {
		in    []headers
		share float64 // the opposite
		spans int     // of the service: go-kit's SERVER and CLIENT spans
		want  headers // decisions by header
	}{
		"deny": {
			[]headers{
				{"b3": ids + "-0"}, multi("x-b3-sampled", "0"),
				{"traceparent": "00-" + ids + "-00"},
				{"b3": "0", "traceparent": "00-" + ids + "-01"},
				{"uber-trace-id": trace128 + ":" + span1 + ":0:0"},
			}, 1, 0,
			headers{"b3": "0", "x-b3-sampled": "0", "traceparent": "00", "uber-trace-id": "0"},
		},
		"accept": {
			[]headers{
				{"b3": ids + "-1"}, multi("x-b3-sampled", "1"),
				{"traceparent": "00-" + ids + "-01"},
				{"uber-trace-id": trace128 + ":" + span1 + ":0:1"},
			}, 0, 2,
			headers{"b3": "1", "x-b3-sampled": "1", "traceparent": "01", "uber-trace-id": "1"},
		},
		"debug": {
			[]headers{
				{"b3": ids + "-d"}, multi("x-b3-flags", "1"),
				{"uber-trace-id": trace128 + ":" + span1 + ":0:3"},
				{"x-b3-flags": "1", "traceparent": "00-" + ids + "-00"},
			}, 0, 2,
			headers{"b3": "d", "x-b3-flags": "1", "traceparent": "01", "uber-trace-id": "3"},
		},
		"undecided": {
			[]headers{{"b3": ids}, multi("", "")}, 0, 0,
			headers{"b3": "0", "x-b3-sampled": "0", "traceparent": "00", "uber-trace-id": "0"},
		},
	} {
		for protocol, start := range map[string]chain{"gRPC": overGRPC, "HTTP": overHTTP} {
			for i, in := range test.in {
				t.Run(fmt.Sprint(decision, " over ", protocol, " ", i), func(t *testing.T) {
					c := config("memory")
					c.Sample, c.Propagation.Inject = test.share, everyFormat
					spans := &tracer.Memory{}
					tr, closer := open(t, c, tracer.WithMemory(spans))
					received := start(t, tr)(t, in)
					if err := closer.Close(); err != nil { // abandons go-kit's unfinished span
						t.Error(err)
					}
					if diff := cmp.Diff(test.want, decisionsIn(t, received)); diff != "" {
						t.Errorf("-want +have\n%s", diff)
					}
					recorded := spans.Spans()
					if len(recorded) != test.spans {
						t.Errorf("have %d spans recorded, want %d", len(recorded), test.spans)
					}
					for _, s := range recorded {
						if s.TraceID.String() != trace128 || s.Debug != (decision == "debug") {
							t.Errorf("have trace %v with debug %v", s.TraceID, s.Debug)
						}
					}
				})
			}
		}
	}
}

// decisionsIn returns the decision in each header. It checks that each header names the trace.
func decisionsIn(t *testing.T, received headers) headers {
	t.Helper()
	decisions := headers{}
	for _, key := range []string{"x-b3-sampled", "x-b3-flags"} {
		if value, ok := received[key]; ok {
			decisions[key] = value
		}
	}
	for key, field := range map[string]struct {
		separator string
		trace     int
		decision  int
	}{"b3": {"-", 0, 2}, "traceparent": {"-", 1, 3}, "uber-trace-id": {":", 0, 3}} {
		fields := strings.Split(received[key], field.separator)
		if len(fields) < 3 || fields[field.trace] != trace128 {
			t.Errorf("have %s %q, want trace %s", key, received[key], trace128)
			continue
		}
		decisions[key] = fields[field.decision]
	}
	if received["x-b3-traceid"] != trace128 {
		t.Errorf("have X-B3-TraceId %q, want %s", received["x-b3-traceid"], trace128)
	}
	return decisions
}

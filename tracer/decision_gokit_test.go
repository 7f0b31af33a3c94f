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

// A wire is a chain of two servers of one protocol. ask calls the first with the headers; it is traced, with go-kit's own
// options, and calls the second, whose headers are returned by their names in lower case.
type wire func(t *testing.T, tr opentracing.Tracer) (ask func(t *testing.T, headers map[string]string) map[string]string)

var (
	nothing = func(context.Context, any) (any, error) { return &healthpb.HealthCheckRequest{}, nil }
	answer  = func(context.Context, any) (any, error) { return &healthpb.HealthCheckResponse{}, nil }
	nop     = log.NewNopLogger()
)

// healthFunc is a gRPC service of one function.
type healthFunc struct {
	healthpb.UnimplementedHealthServer
	check func(context.Context, *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error)
}

func (h healthFunc) Check(ctx context.Context, in *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	return h.check(ctx, in)
}

// serveGRPC returns a connection to a server of the function.
func serveGRPC(t *testing.T, h healthFunc) *grpc.ClientConn {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := grpc.NewServer()
	healthpb.RegisterHealthServer(srv, h)
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(srv.Stop)
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func overGRPC(t *testing.T, tr opentracing.Tracer) func(*testing.T, map[string]string) map[string]string {
	got := map[string]string{}
	last := serveGRPC(t, healthFunc{check: func(ctx context.Context, _ *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
		md, _ := metadata.FromIncomingContext(ctx)
		clear(got)
		for k, v := range md {
			got[k] = strings.Join(v, ",")
		}
		return &healthpb.HealthCheckResponse{}, nil
	}})
	next := kitot.TraceClient(tr, "next")(grpctransport.NewClient(last, "grpc.health.v1.Health", "Check", nothing, answer,
		healthpb.HealthCheckResponse{}, grpctransport.ClientBefore(kitot.ContextToGRPC(tr, nop))).Endpoint())
	handler := grpctransport.NewServer(kitot.TraceServer(tr, "first")(next), nothing, answer,
		grpctransport.ServerBefore(kitot.GRPCToContext(tr, "first", nop)))
	first := serveGRPC(t, healthFunc{check: func(ctx context.Context, in *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
		if _, _, err := handler.ServeGRPC(ctx, in); err != nil {
			return nil, err
		}
		return &healthpb.HealthCheckResponse{}, nil
	}})
	return func(t *testing.T, headers map[string]string) map[string]string {
		t.Helper()
		ctx := metadata.NewOutgoingContext(t.Context(), metadata.New(headers))
		if _, err := healthpb.NewHealthClient(first).Check(ctx, &healthpb.HealthCheckRequest{}); err != nil {
			t.Fatal(err)
		}
		return got
	}
}

func overHTTP(t *testing.T, tr opentracing.Tracer) func(*testing.T, map[string]string) map[string]string {
	got := map[string]string{}
	last := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		clear(got)
		for k, v := range r.Header {
			got[strings.ToLower(k)] = strings.Join(v, ",")
		}
	}))
	t.Cleanup(last.Close)
	at, err := url.Parse(last.URL)
	if err != nil {
		t.Fatal(err)
	}
	next := kitot.TraceClient(tr, "next")(httptransport.NewClient(http.MethodGet, at,
		func(context.Context, *http.Request, any) error { return nil },
		func(context.Context, *http.Response) (any, error) { return nil, nil },
		httptransport.ClientBefore(kitot.ContextToHTTP(tr, nop))).Endpoint())
	first := httptest.NewServer(httptransport.NewServer(kitot.TraceServer(tr, "first")(next),
		func(context.Context, *http.Request) (any, error) { return nil, nil }, httptransport.EncodeJSONResponse,
		httptransport.ServerBefore(kitot.HTTPToContext(tr, "first", nop))))
	t.Cleanup(first.Close)
	return func(t *testing.T, headers map[string]string) map[string]string {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, first.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		for k, v := range headers {
			req.Header[mixedCase(k)] = []string{v} // as it is, and not as net/http would write it
		}
		resp, err := first.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Fatal(resp.Status)
		}
		return got
	}
}

// What a caller has decided goes through a service to the next one, over gRPC and HTTP as they are on the wire, in all
// formats, and against what the service's own sampler would say.
func TestDecisionsOverTheWire(t *testing.T) {
	const ids = trace128 + "-" + span1
	for state, test := range map[string]struct {
		in    []map[string]string
		share float64 // the opposite
		spans int     // of the service: go-kit's SERVER and CLIENT
		out   map[string]string
	}{
		"deny": {[]map[string]string{{"b3": ids + "-0"}, {"x-b3-traceid": trace128, "x-b3-spanid": span1, "x-b3-sampled": "0"},
			{"traceparent": "00-" + ids + "-00"}, {"b3": "0", "traceparent": "00-" + ids + "-01"}, {"uber-trace-id": trace128 + ":" + span1 + ":0:0"}},
			1, 0, map[string]string{"b3": "0", "x-b3-sampled": "0", "traceparent": "00", "uber-trace-id": "0"}},
		"accept": {[]map[string]string{{"b3": ids + "-1"}, {"x-b3-traceid": trace128, "x-b3-spanid": span1, "x-b3-sampled": "1"},
			{"traceparent": "00-" + ids + "-01"}, {"uber-trace-id": trace128 + ":" + span1 + ":0:1"}},
			0, 2, map[string]string{"b3": "1", "x-b3-sampled": "1", "traceparent": "01", "uber-trace-id": "1"}},
		"debug": {[]map[string]string{{"b3": ids + "-d"}, {"x-b3-traceid": trace128, "x-b3-spanid": span1, "x-b3-flags": "1"},
			{"uber-trace-id": trace128 + ":" + span1 + ":0:3"}, {"x-b3-flags": "1", "traceparent": "00-" + ids + "-00"}},
			0, 2, map[string]string{"b3": "d", "x-b3-flags": "1", "traceparent": "01", "uber-trace-id": "3"}},
		"absent": {[]map[string]string{{"b3": ids}, {"x-b3-traceid": trace128, "x-b3-spanid": span1}},
			0, 0, map[string]string{"b3": "0", "x-b3-sampled": "0", "traceparent": "00", "uber-trace-id": "0"}},
	} {
		for protocol, open := range map[string]wire{"gRPC": overGRPC, "HTTP": overHTTP} {
			for i, headers := range test.in {
				t.Run(fmt.Sprint(state, " over ", protocol, " ", i), func(t *testing.T) {
					c := config("memory")
					c.Sample, c.Propagation.Inject = test.share, everyFormat
					spans := &tracer.Memory{}
					tr, closer, err := tracer.Open(t.Context(), c, tracer.WithMemory(spans))
					if err != nil {
						t.Fatal(err)
					}
					out := open(t, tr)(t, headers)
					if err := closer.Close(); err != nil { // which gives go-kit's unfinished span up
						t.Error(err)
					}
					if diff := cmp.Diff(test.out, saidBy(t, out)); diff != "" {
						t.Errorf("-want +have\n%s", diff)
					}
					recorded := spans.Spans()
					if len(recorded) != test.spans {
						t.Errorf("have %d spans recorded, want %d", len(recorded), test.spans)
					}
					for _, s := range recorded {
						if s.TraceID.String() != trace128 || s.Debug != (state == "debug") {
							t.Errorf("have %+v", s)
						}
					}
				})
			}
		}
	}
}

// saidBy returns what each of the headers says about the decision, and checks that each names the trace.
func saidBy(t *testing.T, headers map[string]string) map[string]string {
	t.Helper()
	said := map[string]string{}
	for _, key := range []string{"x-b3-sampled", "x-b3-flags"} {
		if value, ok := headers[key]; ok {
			said[key] = value
		}
	}
	for key, field := range map[string]struct {
		separator string
		trace     int
		decision  int
	}{"b3": {"-", 0, 2}, "traceparent": {"-", 1, 3}, "uber-trace-id": {":", 0, 3}} {
		fields := strings.Split(headers[key], field.separator)
		if len(fields) < 3 || fields[field.trace] != trace128 {
			t.Errorf("have %s %q, want it in trace %s", key, headers[key], trace128)
			continue
		}
		said[key] = fields[field.decision]
	}
	if headers["x-b3-traceid"] != trace128 {
		t.Errorf("have X-B3-TraceId %q, want %s", headers["x-b3-traceid"], trace128)
	}
	return said
}

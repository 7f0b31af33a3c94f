package tracertest

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/go-kit/kit/endpoint"
	kitot "github.com/go-kit/kit/tracing/opentracing"
	grpctransport "github.com/go-kit/kit/transport/grpc"
	httptransport "github.com/go-kit/kit/transport/http"
	"github.com/go-kit/log"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

// This is a go-kit service with go-kit's options: the transport's option starts a span that is
// never finished, and TraceServer starts a child of it.

var nop = log.NewNopLogger()

// kitEndpoint calls an inner endpoint through TraceClient. The inner endpoint's span has no kind.
func kitEndpoint(tr opentracing.Tracer) endpoint.Endpoint {
	inner := kitot.TraceEndpoint(tr, "inner")(
		func(context.Context, any) (any, error) { return nil, nil })
	call := kitot.TraceClient(tr, "database")(inner)
	return func(ctx context.Context, _ any) (any, error) {
		if _, err := call(ctx, nil); err != nil {
			return nil, err
		}
		serving := healthpb.HealthCheckResponse_SERVING
		return &healthpb.HealthCheckResponse{Status: serving}, nil
	}
}

type kitHealth struct {
	healthpb.UnimplementedHealthServer
	grpctransport.Handler
}

func (h kitHealth) Check(
	ctx context.Context, in *healthpb.HealthCheckRequest,
) (*healthpb.HealthCheckResponse, error) {
	_, out, err := h.ServeGRPC(ctx, in)
	if err != nil {
		return nil, err
	}
	return out.(*healthpb.HealthCheckResponse), nil
}

func asIs[T any](_ context.Context, v T) (any, error) { return v, nil }

func callOverGRPC(t *testing.T, tr opentracing.Tracer) {
	t.Helper()
	srv := grpc.NewServer()
	healthpb.RegisterHealthServer(srv, kitHealth{Handler: grpctransport.NewServer(
		kitot.TraceServer(tr, "check")(kitEndpoint(tr)), asIs, asIs,
		grpctransport.ServerBefore(kitot.GRPCToContext(tr, "check", nop)))})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = srv.Serve(l) }()
	defer srv.Stop()
	conn, err := grpc.NewClient(l.Addr().String(),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	check := grpctransport.NewClient(conn, "grpc.health.v1.Health", "Check", asIs, asIs,
		healthpb.HealthCheckResponse{}, grpctransport.ClientBefore(kitot.ContextToGRPC(tr, nop)))
	client := kitot.TraceClient(tr, "check")(check.Endpoint())
	if _, err := client(t.Context(), &healthpb.HealthCheckRequest{}); err != nil {
		t.Fatal(err)
	}
}

func callOverHTTP(t *testing.T, tr opentracing.Tracer) {
	t.Helper()
	srv := httptest.NewServer(httptransport.NewServer(
		kitot.TraceServer(tr, "check")(kitEndpoint(tr)),
		func(context.Context, *http.Request) (any, error) { return nil, nil },
		httptransport.EncodeJSONResponse,
		httptransport.ServerBefore(kitot.HTTPToContext(tr, "check", nop))))
	defer srv.Close()
	u, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	check := httptransport.NewClient(http.MethodGet, u,
		func(context.Context, *http.Request, any) error { return nil },
		func(context.Context, *http.Response) (any, error) { return nil, nil },
		httptransport.ClientBefore(kitot.ContextToHTTP(tr, nop)))
	client := kitot.TraceClient(tr, "check")(check.Endpoint())
	if _, err := client(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
}

// checkKit returns a check of the trace of one call.
func checkKit(call func(*testing.T, opentracing.Tracer)) func(*testing.T, Open) {
	return func(t *testing.T, open Open) {
		tr, received := open(t, nil)
		call(t, tr)
		spans := received()
		for i, s := range spans {
			spans[i].Name = strings.TrimSpace(s.Name + " " + strings.ToLower(string(s.Kind)))
		}
		have := byName(t, spans, "check client", "check server", "database client", "inner")
		isRoot(t, have["check client"])
		isChild(t, have["check server"], have["check client"])
		isChild(t, have["database client"], have["check server"])
		isChild(t, have["inner"], have["database client"])
	}
}

var server = opentracing.Tag{Key: string(ext.SpanKind), Value: ext.SpanKindRPCServerEnum}

// checkWithinAServer finishes a SERVER span and then its server parent, which stays its parent.
func checkWithinAServer(t *testing.T, open Open) {
	tr, received := open(t, nil)
	outer := tr.StartSpan("outer", server)
	inner := tr.StartSpan("inner", opentracing.ChildOf(outer.Context()), server)
	inner.Finish()
	outer.Finish()
	have := byName(t, received(), "outer", "inner")
	isRoot(t, have["outer"])
	isChild(t, have["inner"], have["outer"])
}

// checkReparented finishes a SERVER span whose server parent never finishes. The span is reported
// as a child of its grandparent.
func checkReparented(t *testing.T, open Open) {
	tr, received := open(t, nil)
	root := tr.StartSpan("root")
	outer := tr.StartSpan("outer", opentracing.ChildOf(root.Context()), server)
	inner := tr.StartSpan("inner", opentracing.ChildOf(outer.Context()))
	inner.SetTag(server.Key, server.Value).Finish()
	root.Finish()
	have := byName(t, received(), "root", "inner")
	isChild(t, have["inner"], have["root"])
}

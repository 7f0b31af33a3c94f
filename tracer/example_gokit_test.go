package tracer_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"

	"github.com/go-kit/kit/endpoint"
	kitot "github.com/go-kit/kit/tracing/opentracing"
	kitgrpc "github.com/go-kit/kit/transport/grpc"
	kithttp "github.com/go-kit/kit/transport/http"
	"github.com/go-kit/log"
	"github.com/opentracing/opentracing-go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"

	"bookservice/tracer"
)

type (
	request  = grpc_health_v1.HealthCheckRequest
	response = grpc_health_v1.HealthCheckResponse
)

var logger = log.NewNopLogger()

// A booksServer is a gRPC service. It stands for one of yours.
type booksServer struct {
	grpc_health_v1.UnimplementedHealthServer
	check kitgrpc.Handler
}

func (s booksServer) Check(ctx context.Context, r *request) (*response, error) {
	_, out, err := s.check.ServeGRPC(ctx, r)
	if err != nil {
		return nil, err
	}
	return out.(*response), nil
}

func same(_ context.Context, v any) (any, error) { return v, nil }

// newBooks returns a service over gRPC. Its endpoint calls the service stock over HTTP.
func newBooks(tr opentracing.Tracer, stock *url.URL) *grpc.Server {
	callStock := kithttp.NewClient(http.MethodGet, stock,
		func(context.Context, *http.Request, any) error { return nil },
		func(context.Context, *http.Response) (any, error) { return &response{}, nil },
		kithttp.ClientBefore(kitot.ContextToHTTP(tr, logger)),
	).Endpoint()
	callStock = kitot.TraceClient(tr, "stock")(callStock)
	server := grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(server, booksServer{check: kitgrpc.NewServer(
		kitot.TraceServer(tr, "find")(callStock), same, same,
		kitgrpc.ServerBefore(kitot.GRPCToContext(tr, "find", logger)),
	)})
	return server
}

// newStock returns a service over HTTP.
func newStock(tr opentracing.Tracer) http.Handler {
	return kithttp.NewServer(
		kitot.TraceServer(tr, "stock")(endpoint.Nop),
		func(context.Context, *http.Request) (any, error) { return nil, nil },
		kithttp.EncodeJSONResponse,
		kithttp.ServerBefore(kitot.HTTPToContext(tr, "stock", logger)),
	)
}

// A client calls the go-kit service books over gRPC, which calls the go-kit service stock over
// HTTP. All of go-kit's options stay as they are. Each process opens a tracer; here they share a
// Memory, so that it has the whole trace.
func ExampleMemory_WriteTree() {
	spans := &tracer.Memory{}
	open := func(service string) (opentracing.Tracer, func() error) {
		c := tracer.DefaultConfig()
		c.Backend, c.ServiceName = "memory", service
		tr, closer, err := tracer.Open(context.Background(), c, tracer.WithMemory(spans))
		if err != nil {
			panic(err)
		}
		return tr, closer.Close
	}
	stock, closeStock := open("stock")
	books, closeBooks := open("books")
	shop, closeShop := open("shop")

	web := httptest.NewServer(newStock(stock))
	stockURL, _ := url.Parse(web.URL)
	server := newBooks(books, stockURL)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go func() { _ = server.Serve(l) }()
	conn, err := grpc.NewClient(l.Addr().String(),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		panic(err)
	}
	find := kitot.TraceClient(shop, "find")(kitgrpc.NewClient(conn, "grpc.health.v1.Health",
		"Check", same, same, response{},
		kitgrpc.ClientBefore(kitot.ContextToGRPC(shop, logger)),
	).Endpoint())
	if _, err := find(context.Background(), &request{}); err != nil {
		panic(err)
	}
	_ = conn.Close()
	server.GracefulStop()
	web.Close()
	for _, closeTracer := range []func() error{closeShop, closeBooks, closeStock} {
		if err := closeTracer(); err != nil {
			panic(err)
		}
	}

	var tree strings.Builder
	_ = spans.WriteTree(&tree)
	duration := regexp.MustCompile(` [0-9.]+[µm]?s\n`) // differs from call to call
	fmt.Fprint(os.Stdout, duration.ReplaceAllString(tree.String(), "\n"))
	// Output:
	// find CLIENT shop
	// └─ find SERVER books
	//    └─ stock CLIENT books
	//       └─ stock SERVER stock
}

// Package kit has servers and clients of go-kit, with and without the OpenTracing bridge of
// zipkin-go, written as the examples of these projects are.
package kit

import (
	"context"
	"io"
	"log"
	"time"

	"github.com/afex/hystrix-go/hystrix"
	"github.com/go-kit/kit/circuitbreaker"
	"github.com/go-kit/kit/endpoint"
	"github.com/go-kit/kit/sd"
	"github.com/go-kit/kit/sd/lb"
	kitot "github.com/go-kit/kit/tracing/opentracing"
	grpctransport "github.com/go-kit/kit/transport/grpc"
	kitlog "github.com/go-kit/log"
	"github.com/opentracing/opentracing-go"
	zipkinot "github.com/openzipkin-contrib/zipkin-go-opentracing"
	"github.com/openzipkin/zipkin-go"
	zipkinhttp "github.com/openzipkin/zipkin-go/reporter/http"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"bookservice/api/book"
	"bookservice/cmd/bookbench/internal/side"
	"bookservice/service"
)

// method is the name of the spans of go-kit's rows.
const method = "GetBookInfo"

// An OpenTracer opens the tracer of a process.
type OpenTracer func(e *side.Env, service, addr string) (opentracing.Tracer, error)

// OpenBridge opens zipkin-go-opentracing over zipkin-go's HTTP reporter, as their documentation
// does.
func OpenBridge(e *side.Env, service, addr string) (opentracing.Tracer, error) {
	tr, closeReporter, err := bridge(e.Zipkin, service, addr)
	if err == nil {
		e.OnClose(closeReporter)
	}
	return tr, err
}

func bridge(url, service, addr string) (opentracing.Tracer, func() error, error) {
	native, closeReporter, err := ZipkinGo(url, service, addr)
	if err != nil {
		return nil, nil, err
	}
	return zipkinot.Wrap(native), closeReporter, nil
}

// ZipkinGo opens zipkin-go with its HTTP reporter. addr may be empty.
func ZipkinGo(url, service, addr string) (*zipkin.Tracer, func() error, error) {
	local, err := zipkin.NewEndpoint(service, addr)
	if err != nil {
		return nil, nil, err
	}
	r := zipkinhttp.NewReporter(url, zipkinhttp.Logger(log.New(io.Discard, "", 0)))
	tr, err := zipkin.NewTracer(r, zipkin.WithLocalEndpoint(local))
	return tr, r.Close, err
}

// server is the service over go-kit, as its example addsvc is written.
type server struct {
	book.UnimplementedBookServiceServer
	info grpctransport.Handler
}

// GetBookInfo implements [book.BookServiceServer].
func (s server) GetBookInfo(
	ctx context.Context, p *book.BookInfoParams,
) (*book.BookInfo, error) {
	_, response, err := s.info.ServeGRPC(ctx, p)
	if err != nil {
		return nil, err
	}
	return response.(*book.BookInfo), nil
}

// Serve returns a [row.serve] with a tracer, or without one if open is nil. The tracer is used
// as go-kit's examples do: GRPCToContext, whose span never ends, and TraceServer.
func Serve(open OpenTracer) func(*side.Env) (string, error) {
	return func(e *side.Env) (string, error) {
		books := side.NewLibrary(0)
		info := func(ctx context.Context, id any) (any, error) {
			return books.BookInfo(ctx, id.(int32))
		}
		var opts []grpctransport.ServerOption
		if open != nil {
			tr, err := open(e, "bookserver", "127.0.0.1:0")
			if err != nil {
				return "", err
			}
			info = kitot.TraceServer(tr, method)(info)
			opts = append(opts, grpctransport.ServerBefore(
				kitot.GRPCToContext(tr, method, kitlog.NewNopLogger())))
		}
		s := grpc.NewServer(grpc.UnaryInterceptor(grpctransport.Interceptor))
		book.RegisterBookServiceServer(s, server{
			info: grpctransport.NewServer(info, decodeParams, encodeBook, opts...),
		})
		return e.Serve(s)
	}
}

func decodeParams(_ context.Context, p any) (any, error) {
	return p.(*book.BookInfoParams).GetBookId(), nil
}

func encodeBook(_ context.Context, b any) (any, error) {
	found := b.(service.Book)
	return &book.BookInfo{BookId: found.ID, BookName: found.Name}, nil
}

// Dial returns a [row.dial] with a tracer, or without one if open is nil.
func Dial(open OpenTracer) func(*side.Env, string) (side.Call, error) {
	return func(e *side.Env, addr string) (side.Call, error) {
		var tr opentracing.Tracer
		if open != nil {
			var err error
			if tr, err = open(e, "bookclient", ""); err != nil {
				return nil, err
			}
		}
		conn, err := e.Connect(addr)
		if err != nil {
			return nil, err
		}
		return callOf(Client(conn, tr)), nil
	}
}

// Client returns the endpoint of a connection, with a tracer or with nil.
func Client(conn *grpc.ClientConn, tr opentracing.Tracer) endpoint.Endpoint {
	var opts []grpctransport.ClientOption
	if tr != nil {
		opts = append(opts, grpctransport.ClientBefore(
			kitot.ContextToGRPC(tr, kitlog.NewNopLogger())))
	}
	info := grpctransport.NewClient(conn, "book.BookService", method,
		func(_ context.Context, id any) (any, error) {
			return &book.BookInfoParams{BookId: id.(int32)}, nil
		},
		func(_ context.Context, info any) (any, error) {
			found := info.(*book.BookInfo)
			return service.Book{ID: found.GetBookId(), Name: found.GetBookName()}, nil
		},
		book.BookInfo{}, opts...).Endpoint()
	if tr != nil {
		info = kitot.TraceClient(tr, method)(info)
	}
	return info
}

func callOf(info endpoint.Endpoint) side.Call {
	return func(ctx context.Context) error {
		response, err := info(ctx, int32(1))
		if err != nil {
			return err
		}
		found := response.(service.Book)
		return side.CheckInfo(found.ID, found.Name)
	}
}

// DialHystrix calls through go-kit's endpointer, round robin, retry and hystrix. The limits are
// those that ours have by default.
func DialHystrix(e *side.Env, addr string) (side.Call, error) {
	tr, err := OpenBridge(e, "bookclient", "")
	if err != nil {
		return nil, err
	}
	factory := func(instance string) (endpoint.Endpoint, io.Closer, error) {
		conn, err := e.Connect(instance)
		if err != nil {
			return nil, nil, err
		}
		return Client(conn, tr), nil, nil
	}
	endpointer := sd.NewEndpointer(sd.FixedInstancer{addr}, factory, kitlog.NewNopLogger())
	e.OnClose(func() error { endpointer.Close(); return nil })
	for tick := time.Tick(time.Millisecond); ; <-tick { // the endpointer connects in the background
		if found, err := endpointer.Endpoints(); err != nil {
			return nil, err
		} else if len(found) > 0 {
			break
		}
	}
	return callOf(BehindHystrix(lb.NewRoundRobin(endpointer))), nil
}

// BehindHystrix returns an endpoint that calls by way of go-kit's retry and hystrix.
func BehindHystrix(b lb.Balancer) endpoint.Endpoint {
	hystrix.ConfigureCommand(method, hystrix.CommandConfig{
		Timeout: 30_000, MaxConcurrentRequests: 1000,
		RequestVolumeThreshold: 5, SleepWindow: 10_000, ErrorPercentThreshold: 1,
	})
	return circuitbreaker.Hystrix(method)(lb.Retry(3, 100*time.Second, b))
}

// DialTutorial makes each call as the program of the tutorial does: with a connection, a reporter
// and a tracer of its own.
func DialTutorial(e *side.Env, addr string) (side.Call, error) {
	return func(ctx context.Context) (err error) {
		tr, closeReporter, err := bridge(e.Zipkin, "bookclient", "")
		if err != nil {
			return err
		}
		defer func() {
			if closed := closeReporter(); err == nil {
				err = closed
			}
		}()
		conn, err := grpc.NewClient(addr,
			grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return err
		}
		defer conn.Close()
		return callOf(Client(conn, tr))(ctx)
	}, nil
}

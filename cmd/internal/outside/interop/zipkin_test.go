package interop_test

import (
	"context"
	"testing"

	kitzipkin "github.com/go-kit/kit/tracing/zipkin"
	grpctransport "github.com/go-kit/kit/transport/grpc"
	"github.com/opentracing/opentracing-go"
	"github.com/openzipkin/zipkin-go"
	"github.com/openzipkin/zipkin-go/reporter"
	"google.golang.org/grpc"

	"bookservice/api/book"
)

// A zipkinParty is a go-kit service with the Zipkin tracing of go-kit.
type zipkinParty struct {
	tracer   *zipkin.Tracer
	reporter reporter.Reporter
}

// openNativeZipkin opens a party whose servers have spans of their own. By default, zipkin-go's
// servers share the span of their client, which only Zipkin can show as two.
func openNativeZipkin(t *testing.T, c collector, service string) party {
	t.Helper()
	return openZipkin(t, c, service, zipkin.WithSharedSpans(false))
}

func openZipkin(t *testing.T, c collector, service string, opts ...zipkin.TracerOption) party {
	t.Helper()
	local, err := zipkin.NewEndpoint(service, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := c.reporter(t)
	tr, err := zipkin.NewTracer(r, append(opts, zipkin.WithLocalEndpoint(local))...)
	if err != nil {
		t.Fatal(err)
	}
	return zipkinParty{tr, r}
}

func (p zipkinParty) server(answer callFunc) *grpc.Server {
	trace := kitzipkin.GRPCServerTrace(p.tracer, kitzipkin.Name(method))
	return bookServer(answer, opentracing.NoopTracer{}, trace)
}

func (p zipkinParty) client(t *testing.T, addr string) callFunc {
	t.Helper()
	call := grpctransport.NewClient(dial(t, addr), "book.BookService", "GetBookInfo",
		func(_ context.Context, id any) (any, error) {
			return &book.BookInfoParams{BookId: id.(int32)}, nil
		},
		func(_ context.Context, info any) (any, error) {
			return info.(*book.BookInfo).GetBookName(), nil
		},
		book.BookInfo{},
		kitzipkin.GRPCClientTrace(p.tracer, kitzipkin.Name(method)),
	).Endpoint()
	return func(ctx context.Context, id int32) (string, error) {
		name, err := call(ctx, id)
		if err != nil {
			return "", err
		}
		return name.(string), nil
	}
}

func (p zipkinParty) root(ctx context.Context) (context.Context, string, func()) {
	s := p.tracer.StartSpan("root")
	return zipkin.NewContext(ctx, s), s.Context().TraceID.String(), s.Finish
}

func (p zipkinParty) close(context.Context) error { return p.reporter.Close() }

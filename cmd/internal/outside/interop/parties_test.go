package interop_test

import (
	"context"
	"flag"
	"io"
	"log/slog"
	"testing"

	"bookservice/api/book"
	"bookservice/service"
	"bookservice/service/bookendpoint"
	"bookservice/service/bookgrpc"
	"bookservice/service/inmem"
	"bookservice/tracer"
	"bookservice/tracer/all"

	kitzipkin "github.com/go-kit/kit/tracing/zipkin"
	grpctransport "github.com/go-kit/kit/transport/grpc"
	"github.com/opentracing/opentracing-go"
	"github.com/openzipkin/zipkin-go"
	"github.com/openzipkin/zipkin-go/reporter"
	"google.golang.org/grpc"
)

// ask asks for the name of a book, in the span of the context.
type ask func(ctx context.Context, id int32) (name string, err error)

// A party serves the book service and calls it, with an instrumentation of its own.
type party interface {
	server(answer ask) *grpc.Server
	client(t *testing.T, addr string) ask
	// root starts a trace and returns its id and what finishes its first span.
	root(ctx context.Context) (context.Context, string, func())
	// close sends what is left.
	close(ctx context.Context) error
}

// open opens a party whose spans have the name and go to the collector.
type open func(t *testing.T, c collector, name string) party

var quiet = slog.New(slog.DiscardHandler)

// An ourParty is the book service as it is, with any OpenTracing tracer.
type ourParty struct {
	tracer opentracing.Tracer
	closer io.Closer
}

// openOurs returns what opens a tracer of ours, with flags as a user gives them.
func openOurs(flags ...string) open {
	return func(t *testing.T, c collector, name string) party {
		t.Helper()
		config := all.DefaultConfig()
		config.ServiceName = name
		c.configure(&config)
		fs := flag.NewFlagSet(name, flag.ContinueOnError)
		if err := config.RegisterFlags(fs, ""); err != nil {
			t.Fatal(err)
		}
		if err := fs.Parse(flags); err != nil {
			t.Fatal(err)
		}
		tr, closer, err := all.Open(t.Context(), config, tracer.WithLogger(quiet))
		if err != nil {
			t.Fatal(err)
		}
		return ourParty{tr, closer}
	}
}

// answering is the book service with an answer of the test's.
type answering struct {
	service.Service
	answer ask
}

// BookInfo implements service.Service.
func (a answering) BookInfo(ctx context.Context, id int32) (service.Book, error) {
	name, err := a.answer(ctx, id)
	return service.Book{ID: id, Name: name}, err
}

func (p ourParty) server(answer ask) *grpc.Server { return bookServer(answer, p.tracer) }

func bookServer(answer ask, tr opentracing.Tracer, opts ...grpctransport.ServerOption) *grpc.Server {
	srv := grpc.NewServer(bookgrpc.ServerOptions()...)
	bookgrpc.Register(srv, bookgrpc.NewServer(bookendpoint.New(answering{inmem.Default(), answer}), tr, quiet, opts...))
	return srv
}

func dial(t *testing.T, addr string) *grpc.ClientConn {
	t.Helper()
	conn, err := bookgrpc.Dial(addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func (p ourParty) client(t *testing.T, addr string) ask {
	t.Helper()
	books := bookgrpc.NewClient(dial(t, addr), p.tracer)
	return func(ctx context.Context, id int32) (string, error) {
		b, err := books.BookInfo(ctx, id)
		return b.Name, err
	}
}

func (p ourParty) root(ctx context.Context) (context.Context, string, func()) {
	s := p.tracer.StartSpan("root")
	id, _ := tracer.TraceID(s.Context())
	return opentracing.ContextWithSpan(ctx, s), id, s.Finish
}

func (p ourParty) close(context.Context) error { return p.closer.Close() }

// A zipkinParty is a go-kit service with go-kit's native Zipkin tracing.
type zipkinParty struct {
	tracer   *zipkin.Tracer
	reporter reporter.Reporter
}

// openNativeZipkin has a server's span be one of its own. Shared with its client, as is zipkin-go's default, only Zipkin can
// tell the two apart.
func openNativeZipkin(t *testing.T, c collector, name string) party {
	return openZipkinParty(t, c, name, zipkin.WithSharedSpans(false))
}

func openZipkinParty(t *testing.T, c collector, name string, opts ...zipkin.TracerOption) party {
	t.Helper()
	local, err := zipkin.NewEndpoint(name, "127.0.0.1:0")
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

func (p zipkinParty) server(answer ask) *grpc.Server {
	return bookServer(answer, opentracing.NoopTracer{}, kitzipkin.GRPCServerTrace(p.tracer, kitzipkin.Name(method)))
}

func (p zipkinParty) client(t *testing.T, addr string) ask {
	t.Helper()
	call := grpctransport.NewClient(dial(t, addr), "book.BookService", "GetBookInfo",
		func(_ context.Context, id any) (any, error) { return &book.BookInfoParams{BookId: id.(int32)}, nil },
		func(_ context.Context, info any) (any, error) { return info.(*book.BookInfo).GetBookName(), nil },
		book.BookInfo{}, kitzipkin.GRPCClientTrace(p.tracer, kitzipkin.Name(method))).Endpoint()
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

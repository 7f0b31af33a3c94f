package interop_test

import (
	"context"
	"flag"
	"io"
	"log/slog"
	"testing"

	grpctransport "github.com/go-kit/kit/transport/grpc"
	"github.com/opentracing/opentracing-go"
	"google.golang.org/grpc"

	"bookservice/service"
	"bookservice/service/bookendpoint"
	"bookservice/service/bookgrpc"
	"bookservice/service/inmem"
	"bookservice/tracer"
	"bookservice/tracer/all"
)

var quiet = slog.New(slog.DiscardHandler)

// An ourParty is the book service with an OpenTracing tracer.
type ourParty struct {
	tracer opentracing.Tracer
	closer io.Closer
}

// openOurs returns a function that opens our tracer with these flags.
func openOurs(flags ...string) openFunc {
	return func(t *testing.T, c collector, service string) party {
		t.Helper()
		config := all.DefaultConfig()
		config.ServiceName = service
		c.configure(&config)
		fs := flag.NewFlagSet(service, flag.ContinueOnError)
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

func (p ourParty) server(answer callFunc) *grpc.Server { return bookServer(answer, p.tracer) }

func (p ourParty) client(t *testing.T, addr string) callFunc {
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

// bookServer returns the server of the book service with a tracer and further options.
func bookServer(
	answer callFunc, tr opentracing.Tracer, opts ...grpctransport.ServerOption,
) *grpc.Server {
	srv := grpc.NewServer(bookgrpc.ServerOptions()...)
	endpoints := bookendpoint.New(answering{inmem.Default(), answer})
	bookgrpc.Register(srv, bookgrpc.NewServer(endpoints, tr, quiet, opts...))
	return srv
}

// dial connects to a server of the book service.
func dial(t *testing.T, addr string) *grpc.ClientConn {
	t.Helper()
	conn, err := bookgrpc.Dial(addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// answering is the book service with another BookInfo.
type answering struct {
	service.Service
	answer callFunc
}

// BookInfo implements [service.Service].
func (a answering) BookInfo(ctx context.Context, id int32) (service.Book, error) {
	name, err := a.answer(ctx, id)
	return service.Book{ID: id, Name: name}, err
}

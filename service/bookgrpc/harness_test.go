package bookgrpc_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"testing"

	"github.com/opentracing/opentracing-go"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/test/bufconn"

	"bookservice/api/book"
	"bookservice/service"
	"bookservice/service/bookendpoint"
	"bookservice/service/bookgrpc"
	"bookservice/tracer/tracertest/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newLogger(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// serve serves svc in this process, without a rate limit. It returns a connection and the server's
// log.
func serve(t testing.TB, svc service.Service,
	tracer opentracing.Tracer) (*grpc.ClientConn, *testkit.Buffer) {
	t.Helper()
	noLimit := bookendpoint.Config{RateEvery: 1, RateBurst: 1, RateMode: bookendpoint.RateOff}
	return serveWith(t, svc, tracer, noLimit)
}

func serveWith(t testing.TB, svc service.Service, tracer opentracing.Tracer,
	c bookendpoint.Config) (*grpc.ClientConn, *testkit.Buffer) {
	t.Helper()
	log := &testkit.Buffer{}
	set := bookendpoint.New(svc, bookendpoint.Guards(c, newLogger(log)))
	return serveBook(t, bookgrpc.NewServer(set, tracer, newLogger(log))), log
}

// serveBook serves srv in this process until the test ends, and returns a connection.
func serveBook(t testing.TB, srv book.BookServiceServer) *grpc.ClientConn {
	t.Helper()
	server := grpc.NewServer(bookgrpc.ServerOptions()...)
	bookgrpc.Register(server, srv)
	bookgrpc.RegisterReflection(server)
	listener := bufconn.Listen(1 << 20)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(listener); err != nil {
			t.Error(err)
		}
	}()
	conn, err := bookgrpc.Dial("server.test:50051", grpc.WithContextDialer(dialerOf(listener)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		server.Stop()
		<-done
	})
	return conn
}

func dialerOf(l *bufconn.Listener) func(context.Context, string) (net.Conn, error) {
	return func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }
}

// funcs is a service made of two functions.
type funcs struct {
	info func(ctx context.Context, id int32) (service.Book, error)
	list func(ctx context.Context, page, limit int32) ([]service.Book, error)
}

func (f funcs) BookInfo(ctx context.Context, id int32) (service.Book, error) {
	return f.info(ctx, id)
}

func (f funcs) BookList(ctx context.Context, page, limit int32) ([]service.Book, error) {
	return f.list(ctx, page, limit)
}

// failing returns a service whose calls return err.
func failing(err error) service.Service {
	return funcs{
		info: func(context.Context, int32) (service.Book, error) { return service.Book{}, err },
		list: func(context.Context, int32, int32) ([]service.Book, error) { return nil, err },
	}
}

package bookgrpc_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"sync"
	"testing"

	"bookservice/service"
	"bookservice/service/bookendpoint"
	"bookservice/service/bookgrpc"

	"github.com/opentracing/opentracing-go"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/test/bufconn"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// lines is what the server under test has logged.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *lines) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// serve serves svc without a rate limit in this process, and returns a connection to it and the server's log.
func serve(t testing.TB, svc service.Service, tracer opentracing.Tracer) (*grpc.ClientConn, *lines) {
	t.Helper()
	return serveWith(t, svc, tracer, bookendpoint.Config{RateEvery: 1, RateBurst: 1, RateMode: bookendpoint.RateOff})
}

func serveWith(t testing.TB, svc service.Service, tracer opentracing.Tracer,
	c bookendpoint.Config) (*grpc.ClientConn, *lines) {
	t.Helper()
	log := &lines{}
	set := bookendpoint.New(svc, bookendpoint.Guards(c, log.logger()))
	server := grpc.NewServer(bookgrpc.ServerOptions()...)
	bookgrpc.Register(server, bookgrpc.NewServer(set, tracer, log.logger()))
	bookgrpc.RegisterReflection(server)
	listener := bufconn.Listen(1 << 20)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(listener); err != nil {
			t.Error(err)
		}
	}()
	dialer := func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }
	conn, err := bookgrpc.Dial("server.test:50051", grpc.WithContextDialer(dialer))
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
	return conn, log
}

// funcs is a service of two functions.
type funcs struct {
	info func(ctx context.Context, id int32) (service.Book, error)
	list func(ctx context.Context, page, limit int32) ([]service.Book, error)
}

func (f funcs) BookInfo(ctx context.Context, id int32) (service.Book, error) { return f.info(ctx, id) }

func (f funcs) BookList(ctx context.Context, page, limit int32) ([]service.Book, error) {
	return f.list(ctx, page, limit)
}

// failing returns a service that fails with err always.
func failing(err error) service.Service {
	return funcs{
		info: func(context.Context, int32) (service.Book, error) { return service.Book{}, err },
		list: func(context.Context, int32, int32) ([]service.Book, error) { return nil, err },
	}
}

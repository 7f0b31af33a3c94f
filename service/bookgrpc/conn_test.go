package bookgrpc_test

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"bookservice/api/book"
	"bookservice/service/bookendpoint"
	"bookservice/service/bookgrpc"
	"bookservice/service/inmem"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
)

// A frozen connection is what is left of a server whose machine is gone: it takes bytes, and nothing ever comes back.
type frozen struct {
	net.Conn
	freeze chan struct{}
	closed chan struct{}
	once   sync.Once
}

func (f *frozen) Read(p []byte) (int, error) {
	n, err := f.Conn.Read(p)
	select {
	case <-f.freeze:
		<-f.closed
		return 0, io.EOF
	default:
		return n, err
	}
}

func (f *frozen) Close() error {
	f.once.Do(func() { close(f.closed) })
	return f.Conn.Close()
}

// A call on such a connection ends within 13 s, long before its deadline: 10 s of silence, and 3 s for an answer to a ping.
func TestDeadPeerIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		freeze := make(chan struct{})
		listener := bufconn.Listen(1 << 20)
		server := grpc.NewServer(bookgrpc.ServerOptions()...)
		bookgrpc.Register(server, bookgrpc.NewServer(bookendpoint.New(inmem.Default()), nil, (&lines{}).logger()))
		done := make(chan error)
		go func() { done <- server.Serve(listener) }()
		defer func() {
			server.Stop()
			if err := <-done; err != nil {
				t.Error(err)
			}
		}()
		dialer := func(ctx context.Context, _ string) (net.Conn, error) {
			c, err := listener.DialContext(ctx)
			return &frozen{Conn: c, freeze: freeze, closed: make(chan struct{})}, err
		}
		conn, err := bookgrpc.Dial("server.test:50051", grpc.WithContextDialer(dialer))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		client := book.NewBookServiceClient(conn)
		if _, err := client.GetBookInfo(t.Context(), &book.BookInfoParams{BookId: 1}); err != nil {
			t.Fatal(err)
		}
		close(freeze)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		_, err = client.GetBookInfo(ctx, &book.BookInfoParams{BookId: 1})
		if took := time.Since(start); status.Code(err) != codes.Unavailable || took > 13*time.Second {
			t.Errorf("have %v after %v, want Unavailable within 13s", err, took)
		}
	})
}

// The connection is made without waiting for a call.
func TestDialConnects(t *testing.T) {
	conn, _ := serve(t, inmem.Default(), nil)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	for state := conn.GetState(); state != connectivity.Ready; state = conn.GetState() {
		if !conn.WaitForStateChange(ctx, state) {
			t.Fatalf("have state %v, want %v", state, connectivity.Ready)
		}
	}
}

func TestDialRefusesBadOptions(t *testing.T) {
	if conn, err := bookgrpc.Dial("a:1", grpc.WithDefaultServiceConfig("no JSON")); err == nil {
		conn.Close()
		t.Error("have no error")
	}
}

package client_test

import (
	"context"
	"log/slog"
	"net"
	"testing"

	"bookservice/api/book"
	"bookservice/service/bookendpoint"
	"bookservice/service/bookgrpc"
	"bookservice/service/client"
	"bookservice/service/inmem"

	"github.com/go-kit/kit/sd"
	"google.golang.org/grpc"
	"google.golang.org/grpc/test/bufconn"
)

// raw is the service without any of ours around it.
type raw struct {
	book.UnimplementedBookServiceServer
}

func (raw) GetBookInfo(_ context.Context, p *book.BookInfoParams) (*book.BookInfo, error) {
	return &book.BookInfo{BookId: p.GetBookId(), BookName: "21天精通php"}, nil
}

// inMemory serves srv without a network, and returns what dials it.
func inMemory(b *testing.B, srv book.BookServiceServer) grpc.DialOption {
	b.Helper()
	listener := bufconn.Listen(1 << 20)
	server := grpc.NewServer()
	bookgrpc.Register(server, srv)
	go server.Serve(listener)
	b.Cleanup(server.Stop)
	return grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) })
}

// BenchmarkCall measures what each layer adds to a call, both sides of it, without tracing.
func BenchmarkCall(b *testing.B) {
	kit := bookgrpc.NewServer(bookendpoint.New(inmem.Default()), nil, slog.New(slog.DiscardHandler))
	b.Run("raw gRPC", func(b *testing.B) {
		conn, err := bookgrpc.Dial("bench:1", inMemory(b, raw{}))
		if err != nil {
			b.Fatal(err)
		}
		defer conn.Close()
		c := book.NewBookServiceClient(conn)
		measure(b, func(ctx context.Context) error {
			_, err := c.GetBookInfo(ctx, &book.BookInfoParams{BookId: 1})
			return err
		})
	})
	b.Run("go-kit", func(b *testing.B) {
		conn, err := bookgrpc.Dial("bench:1", inMemory(b, kit))
		if err != nil {
			b.Fatal(err)
		}
		defer conn.Close()
		c := bookgrpc.NewClient(conn, nil)
		measure(b, func(ctx context.Context) error {
			_, err := c.BookInfo(ctx, 1)
			return err
		})
	})
	b.Run("client", func(b *testing.B) {
		c := dialWith(b, sd.FixedInstancer{"bench:1"}, nil, client.DefaultConfig(), client.WithDialOptions(inMemory(b, kit)))
		measure(b, func(ctx context.Context) error {
			_, err := c.BookInfo(ctx, 1)
			return err
		})
		c.Close()
	})
}

func measure(b *testing.B, call func(context.Context) error) {
	ctx := context.Background()
	if err := call(ctx); err != nil { // connects
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := call(ctx); err != nil {
			b.Fatal(err)
		}
	}
}

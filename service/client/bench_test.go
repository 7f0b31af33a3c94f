package client_test

import (
	"context"
	"net"
	"testing"

	"github.com/go-kit/kit/sd"
	"google.golang.org/grpc"
	"google.golang.org/grpc/test/bufconn"

	"bookservice/api/book"
	"bookservice/service/bookendpoint"
	"bookservice/service/bookgrpc"
	"bookservice/service/client"
	"bookservice/service/inmem"
)

// rawServer implements the service directly on the generated code.
type rawServer struct {
	book.UnimplementedBookServiceServer
}

func (rawServer) GetBookInfo(_ context.Context, p *book.BookInfoParams) (*book.BookInfo, error) {
	return &book.BookInfo{BookId: p.GetBookId(), BookName: "21天精通php"}, nil
}

// inMemory serves srv without a network. It returns the option for connections to it.
func inMemory(b *testing.B, srv book.BookServiceServer) grpc.DialOption {
	b.Helper()
	listener := bufconn.Listen(1 << 20)
	server := grpc.NewServer()
	bookgrpc.Register(server, srv)
	go server.Serve(listener)
	b.Cleanup(server.Stop)
	return grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
		return listener.DialContext(ctx)
	})
}

// BenchmarkCall measures the costs that each layer adds to a call, on both sides, without tracing.
func BenchmarkCall(b *testing.B) {
	kit := bookgrpc.NewServer(bookendpoint.New(inmem.Default()), nil, nil)
	b.Run("raw gRPC", func(b *testing.B) {
		conn, err := bookgrpc.Dial("bench:1", inMemory(b, rawServer{}))
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
		c := dialWith(b, sd.FixedInstancer{"bench:1"}, nil, client.DefaultConfig(),
			client.WithDialOptions(inMemory(b, kit)))
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

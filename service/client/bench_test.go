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
	"bookservice/tracer/tracertest/testkit"
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
	b.Run("go-kit, with a timeout", func(b *testing.B) {
		conn, err := bookgrpc.Dial("bench:1", inMemory(b, kit))
		if err != nil {
			b.Fatal(err)
		}
		defer conn.Close()
		c := bookgrpc.NewClient(conn, nil)
		measure(b, func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, client.DefaultConfig().BreakerTimeout)
			defer cancel()
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

// answered returns an option for connections whose calls are answered in the client, without a
// message and without the network.
func answered() grpc.DialOption {
	return grpc.WithChainUnaryInterceptor(func(context.Context, string, any, any,
		*grpc.ClientConn, grpc.UnaryInvoker, ...grpc.CallOption) error {
		return nil
	})
}

// chainCalls returns a plain call with a timeout, and the same call through the client's chain.
// Both are answered in the client.
func chainCalls(tb testing.TB, cfg client.Config) (plain, chain func(context.Context) error) {
	tb.Helper()
	addr := testkit.ClosedAddr(tb)
	conn, err := bookgrpc.Dial(addr, answered())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.Close() })
	set := bookgrpc.NewClient(conn, nil)
	c := dialWith(tb, sd.FixedInstancer{start(tb, inmem.Default(), nil).addr}, nil, cfg,
		client.WithDialOptions(answered()))
	plain = func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, cfg.BreakerTimeout)
		defer cancel()
		_, err := set.BookInfo(ctx, 1)
		return err
	}
	return plain, func(ctx context.Context) error {
		_, err := c.BookInfo(ctx, 1)
		return err
	}
}

// BenchmarkChain measures what the client's chain costs a call that needs one attempt, without
// gRPC: the difference between plain and the others.
func BenchmarkChain(b *testing.B) {
	cfg := client.DefaultConfig()
	plain, chain := chainCalls(b, cfg)
	b.Run("plain", func(b *testing.B) { measure(b, plain) })
	b.Run("chain", func(b *testing.B) { measure(b, chain) })
	cfg.Hedge = "1s"
	_, hedged := chainCalls(b, cfg)
	b.Run("hedge", func(b *testing.B) { measure(b, hedged) })
}

// A call that needs one attempt has at most 5 allocations more than a plain call with a timeout.
func TestAllocationsOfTheChain(t *testing.T) {
	if testkit.WithoutRaceDetector(t) {
		return
	}
	for _, hedge := range []string{"0", "1s", "p95"} {
		cfg := client.DefaultConfig()
		cfg.Hedge = hedge
		plain, chain := chainCalls(t, cfg)
		count := func(call func(context.Context) error) float64 {
			return testing.AllocsPerRun(2000, func() {
				if err := call(context.Background()); err != nil {
					t.Fatal(err)
				}
			})
		}
		have, base := count(chain), count(plain)
		t.Logf("-hedge %s: %.0f allocations, a plain call has %.0f", hedge, have, base)
		if have > base+5 {
			t.Errorf("-hedge %s: have %.0f allocations, want at most 5 more than %.0f",
				hedge, have, base)
		}
	}
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

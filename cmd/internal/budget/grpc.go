package budget

import (
	"context"
	"net"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"bookservice/api/book"
	"bookservice/service/bookgrpc"
)

// RawCall returns a [Call.Open] for gRPC alone, without go-kit, with these options.
func RawCall(server []grpc.ServerOption, dial []grpc.DialOption) func(testing.TB) func() {
	return func(t testing.TB) func() {
		client := book.NewBookServiceClient(Connect(t, rawServer{}, server, dial))
		return func() {
			params := &book.BookInfoParams{BookId: 1}
			if _, err := client.GetBookInfo(context.Background(), params); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// rawServer is the service without go-kit.
type rawServer struct {
	book.UnimplementedBookServiceServer
}

// GetBookInfo implements [book.BookServiceServer].
func (rawServer) GetBookInfo(_ context.Context, p *book.BookInfoParams) (*book.BookInfo, error) {
	return &book.BookInfo{BookId: p.GetBookId(), BookName: "21天精通php"}, nil
}

// Connect starts a server in memory and returns a connection to it. Both are closed at the end of
// the test.
func Connect(
	t testing.TB, srv book.BookServiceServer, server []grpc.ServerOption, dial []grpc.DialOption,
) *grpc.ClientConn {
	t.Helper()
	listener := bufconn.Listen(1 << 20)
	s := grpc.NewServer(server...)
	bookgrpc.Register(s, srv)
	go func() { _ = s.Serve(listener) }()
	opts := []grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			return listener.DialContext(ctx)
		}),
	}
	conn, err := grpc.NewClient("passthrough:///127.0.0.1:50051", append(opts, dial...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		s.Stop()
	})
	return conn
}

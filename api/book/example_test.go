package book_test

import (
	"context"
	"fmt"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"bookservice/api/book"
)

// shelf is a server with one book. Of its methods, the example calls GetBookInfo.
type shelf struct {
	book.UnimplementedBookServiceServer
}

func (shelf) GetBookInfo(_ context.Context, p *book.BookInfoParams) (*book.BookInfo, error) {
	return &book.BookInfo{BookId: p.GetBookId(), BookName: "Go"}, nil
}

// A server and a client of gRPC alone, without discovery, balancing and tracing.
func Example() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	server := grpc.NewServer()
	book.RegisterBookServiceServer(server, shelf{})
	go server.Serve(listener)
	defer server.Stop()

	conn, err := grpc.NewClient(listener.Addr().String(),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	books := book.NewBookServiceClient(conn)
	info, err := books.GetBookInfo(context.Background(), &book.BookInfoParams{BookId: 1})
	fmt.Println(info.GetBookName(), err)
	// Output:
	// Go <nil>
}

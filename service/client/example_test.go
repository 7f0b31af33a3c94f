package client_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"

	"bookservice/service"
	"bookservice/service/bookendpoint"
	"bookservice/service/bookgrpc"
	"bookservice/service/client"
	"bookservice/service/inmem"

	"github.com/go-kit/kit/sd"
	"github.com/opentracing/opentracing-go"
	"google.golang.org/grpc"
)

// A client of one server, whose address is known. With discovery there is another instancer, and with tracing another
// tracer; nothing else changes.
func ExampleNew() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	server := grpc.NewServer(bookgrpc.ServerOptions()...)
	defer server.Stop()
	tracer := opentracing.NoopTracer{}
	bookgrpc.Register(server, bookgrpc.NewServer(bookendpoint.New(inmem.Default()), tracer, slog.Default()))
	go server.Serve(listener)

	books, err := client.New(sd.FixedInstancer{listener.Addr().String()}, tracer, client.DefaultConfig())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer books.Close()
	book, err := books.BookInfo(context.Background(), 1)
	fmt.Println(book.Name, err)
	_, err = books.BookInfo(context.Background(), 99)
	fmt.Println(err, errors.Is(err, service.ErrNotFound))
	// Output:
	// 21天精通php <nil>
	// book 99: not found true
}

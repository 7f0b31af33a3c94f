package bookgrpc_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"

	"github.com/opentracing/opentracing-go/mocktracer"
	"google.golang.org/grpc"

	"bookservice/service"
	"bookservice/service/bookendpoint"
	"bookservice/service/bookgrpc"
	"bookservice/service/inmem"
)

// A server and a client in one process. Both record their spans with one tracer.
func Example() {
	tracer := mocktracer.New()
	server := grpc.NewServer(bookgrpc.ServerOptions()...)
	set := bookendpoint.New(inmem.Default())
	bookgrpc.Register(server, bookgrpc.NewServer(set, tracer, slog.Default()))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	go server.Serve(listener)

	conn, err := bookgrpc.Dial(listener.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	books := bookgrpc.NewClient(conn, tracer)
	fmt.Println(books.BookInfo(context.Background(), 1))
	_, err = books.BookInfo(context.Background(), 99)
	fmt.Println(err, errors.Is(err, service.ErrNotFound))

	server.GracefulStop() // the server finishes its spans before it stops
	fmt.Println(len(tracer.FinishedSpans()), "spans")
	// Output:
	// {1 21天精通php} <nil>
	// book 99: not found true
	// 4 spans
}

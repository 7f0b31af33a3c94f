package client_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"

	"github.com/go-kit/kit/sd"
	"github.com/opentracing/opentracing-go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"bookservice/service"
	"bookservice/service/bookendpoint"
	"bookservice/service/bookgrpc"
	"bookservice/service/client"
	"bookservice/service/inmem"
)

// serveExample serves books on a free port of 127.0.0.1, without tracing.
func serveExample(books service.Service) (addr string, stop func(), err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := grpc.NewServer(bookgrpc.ServerOptions()...)
	set := bookendpoint.New(books)
	bookgrpc.Register(server, bookgrpc.NewServer(set, opentracing.NoopTracer{}, nil))
	go server.Serve(listener)
	return listener.Addr().String(), server.Stop, nil
}

// A client of one server with a known address. With discovery, package discovery provides the
// instancer; with tracing, package tracer provides the tracer.
func ExampleNew() {
	addr, stop, err := serveExample(inmem.Default())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stop()

	instancer := sd.FixedInstancer{addr}
	books, err := client.New(instancer, opentracing.NoopTracer{}, client.DefaultConfig())
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

// An observer receives the attempts of each call. The first attempt of this call fails.
func ExampleWithObserver() {
	addr, stop, err := serveExample(&flaky{Service: inmem.Default()})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stop()
	config := client.DefaultConfig()
	books, err := client.New(sd.FixedInstancer{addr}, opentracing.NoopTracer{}, config)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer books.Close()

	ctx := client.WithObserver(context.Background(), func(a client.Attempt) {
		fmt.Println(a.Method, a.Instance == addr, status.Code(a.Err))
	})
	book, err := books.BookInfo(ctx, 1)
	fmt.Println(book.Name, err)
	// Output:
	// GetBookInfo true Internal
	// GetBookInfo true OK
	// 21天精通php <nil>
}

// A flaky service fails the first call of BookInfo.
type flaky struct {
	service.Service
	failed atomic.Bool
}

func (f *flaky) BookInfo(ctx context.Context, id int32) (service.Book, error) {
	if f.failed.CompareAndSwap(false, true) {
		return service.Book{}, errors.New("disk on fire")
	}
	return f.Service.BookInfo(ctx, id)
}

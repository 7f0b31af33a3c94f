package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/go-kit/kit/endpoint"
	"github.com/go-kit/kit/sd"
	"github.com/go-kit/kit/sd/etcdv3"
	"github.com/go-kit/kit/sd/lb"
	grpctransport "github.com/go-kit/kit/transport/grpc"
	"github.com/go-kit/log"
	"github.com/opentracing/opentracing-go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"bookservice/api/book"
	"bookservice/configs"
	"bookservice/discovery"
	"bookservice/service/client"
)

// A system is a client of the service. Open finds the servers in etcd, and returns a function that
// makes a call and one that ends everything.
type system struct {
	name string
	open func(ctx context.Context, etcd []string) (call callFunc, end func() error, err error)
}

// A callFunc makes a call, and returns its error.
type callFunc func(context.Context) error

// ours is the index of our client in systems and results.
const ours = 0

func systems() []system {
	return []system{{"bookservice", openOurs}, {"go-kit", openGoKit}}
}

// bookID is the book that all calls request.
const bookID = 1

// openOurs opens discovery and the client as bookclient does, with its defaults: untraced.
func openOurs(ctx context.Context, etcd []string) (callFunc, func() error, error) {
	c := configs.DefaultClient()
	c.Discovery.Etcd = etcd
	registry, err := discovery.Open(ctx, c.Discovery, discovery.WithLogger(nil))
	if err != nil {
		return nil, nil, err
	}
	instancer, err := registry.Instancer("")
	if err != nil {
		return nil, nil, errors.Join(err, registry.Close())
	}
	books, err := client.New(instancer, opentracing.NoopTracer{}, c.Calls, client.WithLogger(nil),
		client.WithMetadata(func(addr string) map[string]string {
			return discovery.Metadata(instancer, addr)
		}))
	if err != nil {
		return nil, nil, errors.Join(err, registry.Close())
	}
	call := func(ctx context.Context) error {
		_, err := books.BookInfo(ctx, bookID)
		return err
	}
	return call, func() error { return errors.Join(books.Close(), registry.Close()) }, nil
}

// openGoKit uses go-kit's defaults. Its etcd client cannot be closed: it ends with its context,
// except for its connection.
func openGoKit(ctx context.Context, etcd []string) (callFunc, func() error, error) {
	c := configs.DefaultClient()
	limited, stop := context.WithCancel(context.WithoutCancel(ctx))
	found, err := etcdv3.NewClient(limited, etcd, etcdv3.ClientOptions{})
	if err != nil {
		stop()
		return nil, nil, err
	}
	instancer, err := etcdv3.NewInstancer(found, c.Discovery.Prefix, log.NewNopLogger())
	if err != nil {
		stop()
		return nil, nil, err
	}
	endpointer := sd.NewEndpointer(instancer, goKitEndpoint, log.NewNopLogger())
	limit := min(c.Calls.RetryTimeout, c.Calls.BreakerTimeout)
	info := lb.Retry(c.Calls.RetryAttempts, limit, lb.NewRoundRobin(endpointer))
	call := func(ctx context.Context) error {
		_, err := info(ctx, int32(bookID))
		return err
	}
	return call, func() error {
		endpointer.Close()
		instancer.Stop()
		stop()
		return nil
	}, nil
}

// goKitEndpoint implements [sd.Factory]: one connection for each instance.
func goKitEndpoint(instance string) (endpoint.Endpoint, io.Closer, error) {
	conn, err := grpc.NewClient(instance,
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, nil, err
	}
	encode := func(_ context.Context, request any) (any, error) {
		return &book.BookInfoParams{BookId: request.(int32)}, nil
	}
	decode := func(_ context.Context, message any) (any, error) {
		return message.(*book.BookInfo).GetBookName(), nil
	}
	info := grpctransport.NewClient(conn, book.BookService_ServiceDesc.ServiceName, "GetBookInfo",
		encode, decode, book.BookInfo{})
	return info.Endpoint(), conn, nil
}

// ready calls until each of many successive calls succeeds: all servers are known and connected.
func ready(ctx context.Context, call callFunc) error {
	ctx, cancel := context.WithTimeout(ctx, setupLimit)
	defer cancel()
	const many = 20 * servers
	var last error
	for n := 0; n < many; n++ {
		if last = call(ctx); last == nil {
			continue
		}
		if err := wait(ctx, 5*time.Millisecond); err != nil {
			return fmt.Errorf("no call succeeds: %w", last)
		}
		n = -1
	}
	return nil
}

package discovery_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/go-kit/kit/endpoint"
	"github.com/go-kit/kit/sd"
	"github.com/go-kit/kit/sd/lb"
	"github.com/go-kit/log"

	"bookservice/discovery"
)

func ExampleOpen() {
	ctx := context.Background()
	registry, err := discovery.Open(ctx, discovery.Config{
		Kind:      "static",
		Instances: []string{"127.0.0.1:50052", "127.0.0.1:50051"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer registry.Close()

	instancer, err := registry.Instancer("")
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := discovery.Wait(ctx, instancer); err != nil {
		fmt.Println(err)
		return
	}
	events := make(chan sd.Event)
	instancer.Register(events)
	fmt.Println((<-events).Instances)
	instancer.Deregister(events)

	_, err = discovery.Open(ctx, discovery.Config{Kind: "etdc"})
	fmt.Println(err)
	// Output:
	// [127.0.0.1:50051 127.0.0.1:50052]
	// -discovery "etdc": must be one of etcd, static
}

// A server registers its address, and a client calls the instances in turn with go-kit's balancer.
// With kind "etcd", the default, the server and the client are different processes.
func ExampleRegistry() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	registry, err := discovery.Open(ctx, discovery.Config{
		Kind:      "static",
		Instances: []string{"10.0.0.1:50051", "10.0.0.2:50051"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer registry.Close()

	// The server. With kind "static", Register only checks its arguments.
	registrar := registry.Registrar("books", "10.0.0.1:50051")
	if err := registrar.Register(ctx); err != nil {
		fmt.Println(err)
		return
	}
	defer func() {
		if err := registrar.Deregister(ctx); err != nil {
			fmt.Println(err)
		}
	}()

	// The client.
	instancer, err := registry.Instancer("books")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer instancer.Stop()
	factory := func(instance string) (endpoint.Endpoint, io.Closer, error) {
		return func(_ context.Context, request any) (any, error) {
			return fmt.Sprintf("%v from %s", request, instance), nil
		}, nil, nil
	}
	endpointer := sd.NewEndpointer(instancer, factory, log.NewNopLogger())
	defer endpointer.Close()
	balancer := lb.NewRoundRobin(endpointer)

	// The endpointer gets the list from a goroutine: the balancer has no endpoint before.
	call := lb.RetryWithCallback(time.Minute, balancer, func(int, error) (bool, error) {
		time.Sleep(time.Millisecond)
		return true, nil
	})
	for id := range 3 {
		response, err := call(ctx, fmt.Sprintf("book %d", id))
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(response)
	}
	// Output:
	// book 0 from 10.0.0.1:50051
	// book 1 from 10.0.0.2:50051
	// book 2 from 10.0.0.1:50051
}

// The settings of two registries are flags of one command. An error names the flag with its prefix.
func ExampleConfig_RegisterFlags() {
	fs := flag.NewFlagSet("shop", flag.ContinueOnError)
	fs.SetOutput(os.Stdout)
	books := discovery.Config{Prefix: "/services/book/"}
	if err := books.RegisterFlags(fs, "books-"); err != nil {
		fmt.Println(err)
		return
	}
	var orders discovery.Config
	if err := orders.RegisterFlags(fs, "orders-"); err != nil {
		fmt.Println(err)
		return
	}
	err := fs.Parse([]string{"-books-etcd", "10.0.0.1:2379,10.0.0.2:2379", "-orders-ttl", "500ms"})
	if err != nil {
		return
	}
	fmt.Println(books.Etcd, books.Prefix, books.Validate())
	fmt.Println(orders.Validate())
	// Output:
	// [10.0.0.1:2379 10.0.0.2:2379] /services/book/ <nil>
	// -orders-ttl 500ms: must be 2s or more, in whole seconds
}

package etcdembed_test

import (
	"context"
	"fmt"
	"time"

	"bookservice/discovery"
	"bookservice/discovery/etcdembed"
)

// A registry of package discovery, with an etcd of its own.
func ExampleStart() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	etcd, err := etcdembed.Start(ctx, etcdembed.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer etcd.Close()

	c := discovery.DefaultConfig()
	c.Kind, c.Etcd = "etcd", etcd.Endpoints()
	registry, err := discovery.Open(ctx, c)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer registry.Close()
	fmt.Println(registry.Registrar("books", "10.0.0.1:50051").Register(ctx))
	// Output:
	// <nil>
}

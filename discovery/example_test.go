package discovery_test

import (
	"context"
	"fmt"

	"github.com/go-kit/kit/sd"

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
	// discovery: unknown kind "etdc" (have etcd, static)
}

package discoverytest_test

import (
	"fmt"
	"testing"
	"time"

	"bookservice/discovery"
	"bookservice/discovery/discoverytest"
)

// The test of a kind of registry whose list is fixed. The body of this example is that of a test
// function.
func ExampleRun() {
	var t *testing.T // of the test function
	instances := []string{"10.0.0.1:50051", "10.0.0.2:50051"}
	discoverytest.Run(t, func(t *testing.T) discovery.Registry {
		c := discovery.DefaultConfig()
		c.Kind, c.Instances = "static", instances
		registry, err := discovery.Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		return registry
	}, discoverytest.Options{Fixed: instances})
}

// A test waits until an instancer lists an instance. The body of this example is that of a test
// function.
func ExampleFollow() {
	var (
		t        *testing.T         // of the test function
		registry discovery.Registry // that is tested
	)
	instancer, err := registry.Instancer("books")
	if err != nil {
		t.Fatal(err)
	}
	defer instancer.Stop()
	f := discoverytest.Follow(t, instancer)
	if err := registry.Registrar("books", "10.0.0.1:50051").Register(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.WaitFor(t, 5*time.Second, "10.0.0.1:50051")
	fmt.Println("registered")
}

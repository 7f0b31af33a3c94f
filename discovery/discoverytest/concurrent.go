package discoverytest

import (
	"context"
	"io"
	"sync"
	"testing"

	"github.com/go-kit/kit/endpoint"
	"github.com/go-kit/kit/sd"
	"github.com/go-kit/log"

	"bookservice/discovery/internal/testkit"
)

func testEndpointerWorks(t *testing.T, s suite) {
	a, b := s.addresses()
	s.register(t, "books", a)
	s.register(t, "books", b)
	factory := func(string) (endpoint.Endpoint, io.Closer, error) {
		return func(context.Context, any) (any, error) { return nil, nil }, nil, nil
	}
	i := s.instancer(t, "books")
	endpointer := sd.NewEndpointer(i, factory, log.NewNopLogger())
	testkit.EventuallyWithin(t, s.Within, "there is one endpoint for each instance", func() bool {
		endpoints, err := endpointer.Endpoints()
		if err != nil {
			t.Fatal(err)
		}
		return len(endpoints) == len(s.list(a, b))
	})
	// Before and after Stop: the endpointer closes its channel right after Deregister.
	endpointer.Close()
	sd.NewEndpointer(i, factory, log.NewNopLogger()).Close()
	last := sd.NewEndpointer(i, factory, log.NewNopLogger())
	i.Stop()
	last.Close()
}

func testConcurrentUse(t *testing.T, s suite) {
	a, b := s.addresses()
	s.register(t, "books", b)
	i := s.instancer(t, "books")
	ctx := s.context(t)
	var users sync.WaitGroup
	errs := make(chan error, 100)
	for range 4 {
		users.Go(func() {
			r := s.registry.Registrar("books", a)
			for range 5 {
				errs <- r.Register(ctx)
				errs <- r.Deregister(ctx)
			}
		})
		users.Go(func() {
			for range 20 {
				events := make(chan sd.Event)
				i.Register(events)
				select {
				case <-events:
				case <-ctx.Done():
				}
				i.Deregister(events)
				i.Deregister(events)
			}
		})
		users.Go(func() {
			own, err := s.registry.Instancer("books")
			if errs <- err; err == nil {
				own.Stop()
			}
		})
	}
	users.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Errorf("concurrent use: %v", err)
		}
	}
	Follow(t, i).WaitFor(t, s.Within, s.list(b)...)
}

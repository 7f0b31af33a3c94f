package discoverytest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-kit/kit/sd"

	"bookservice/discovery"
	"bookservice/discovery/internal/testkit"
)

// Options describe a kind of registry.
type Options struct {
	// Fixed is the list of every registry, for a kind whose list registering does not change. It
	// has at least two addresses. For other kinds it is empty.
	Fixed []string

	// Within is how long it may take until an instancer lists a change. 0 means 10 s.
	Within time.Duration
}

// A suite is the state of one subtest.
type suite struct {
	Options
	registry discovery.Registry
}

// Run runs each part of the suite as a parallel subtest, on a registry that open returns and Run
// closes. The instances of different registries must be separate.
func Run(t *testing.T, open func(t *testing.T) discovery.Registry, o Options) {
	t.Helper()
	if o.Within == 0 {
		o.Within = 10 * time.Second
	}
	for _, part := range []struct {
		name    string
		dynamic bool
		test    func(*testing.T, suite)
	}{
		{"RegisteredIsListed", false, testRegisteredIsListed},
		{"RegisterTwice", false, testRegisterTwice},
		{"DeregisteredIsNotListed", true, testDeregisteredIsNotListed},
		{"RegisterAgainAfterDeregister", true, testRegisterAgain},
		{"ServicesAreSeparate", true, testServicesAreSeparate},
		{"ListsAreSortedAndOwned", false, testListsAreSortedAndOwned},
		{"SlowSubscriberDoesNotDelayOthers", false, testSlowSubscriberDoesNotDelayOthers},
		{"NothingIsSentAfterDeregister", false, testNothingIsSentAfterDeregister},
		{"EndpointerWorks", false, testEndpointerWorks},
		{"InvalidNamesAreErrors", false, testInvalidNamesAreErrors},
		{"StopTwice", false, testStopTwice},
		{"CallsAfterCloseReturnErrClosed", false, testErrClosed},
		{"StatusReportsLists", false, testStatusReportsLists},
		{"StatusReportsRegistrations", true, testStatusReportsRegistrations},
		{"AllLeaveAtOnce", true, testAllLeaveAtOnce},
		{"ConcurrentUse", false, testConcurrentUse},
	} {
		if part.dynamic && len(o.Fixed) > 0 {
			continue
		}
		t.Run(part.name, func(t *testing.T) {
			t.Parallel()
			registry := open(t)
			t.Cleanup(func() {
				if err := registry.Close(); err != nil {
					t.Error(err)
				}
			})
			part.test(t, suite{o, registry})
		})
	}
}

// addresses returns two valid addresses, which are listed if the list is fixed.
func (s suite) addresses() (a, b string) {
	if len(s.Fixed) > 0 {
		return s.Fixed[0], s.Fixed[1]
	}
	return "127.0.0.1:50051", "127.0.0.1:50052"
}

// list returns the list of an instancer when the given addresses are registered.
func (s suite) list(registered ...string) []string {
	if len(s.Fixed) > 0 {
		return slices.Compact(slices.Sorted(slices.Values(s.Fixed)))
	}
	return registered
}

func (s suite) context(t *testing.T) context.Context {
	t.Helper()
	return testkit.Context(t, s.Within)
}

func (s suite) register(t *testing.T, service, addr string) discovery.Registrar {
	t.Helper()
	r := s.registry.Registrar(service, addr)
	if err := r.Register(s.context(t)); err != nil {
		t.Fatal(err)
	}
	return r
}

func (s suite) instancer(t *testing.T, service string) sd.Instancer {
	t.Helper()
	i, err := s.registry.Instancer(service)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func (s suite) deregister(t *testing.T, r discovery.Registrar) {
	t.Helper()
	if err := r.Deregister(s.context(t)); err != nil {
		t.Fatal(err)
	}
}

func testRegisteredIsListed(t *testing.T, s suite) {
	a, b := s.addresses()
	early := Follow(t, s.instancer(t, "books"))
	s.register(t, "books", a)
	early.WaitFor(t, s.Within, s.list(a)...)
	s.register(t, "books", b)
	if len(s.Fixed) == 0 {
		early.WaitFor(t, s.Within, s.list(a, b)...)
	}
	late := s.instancer(t, "books")
	if err := discovery.Wait(s.context(t), late); err != nil {
		t.Fatal(err)
	}
	Follow(t, late).WaitFor(t, s.Within, s.list(a, b)...)
}

func testRegisterTwice(t *testing.T, s suite) {
	a, _ := s.addresses()
	r := s.register(t, "books", a)
	if err := r.Register(s.context(t)); err != nil {
		t.Fatal(err)
	}
	s.register(t, "books", a)
	Follow(t, s.instancer(t, "books")).WaitFor(t, s.Within, s.list(a)...)
}

func testDeregisteredIsNotListed(t *testing.T, s suite) {
	a, b := s.addresses()
	first, second := s.register(t, "books", a), s.register(t, "books", b)
	f := Follow(t, s.instancer(t, "books"))
	f.WaitFor(t, s.Within, a, b)
	for range 2 { // the second call has no effect
		s.deregister(t, first)
	}
	f.WaitFor(t, s.Within, b)
	s.deregister(t, second)
	f.WaitFor(t, s.Within)
}

func testRegisterAgain(t *testing.T, s suite) {
	a, _ := s.addresses()
	f := Follow(t, s.instancer(t, "books"))
	r := s.registry.Registrar("books", a)
	s.deregister(t, r) // is not registered yet
	for range 3 {
		s.register(t, "books", a)
		f.WaitFor(t, s.Within, a)
		s.deregister(t, r)
		f.WaitFor(t, s.Within)
	}
}

func testServicesAreSeparate(t *testing.T, s suite) {
	a, b := s.addresses()
	s.register(t, "books", a)
	s.register(t, "bookshops", b) // the names have a common prefix
	s.register(t, "", "127.0.0.1:50053")
	Follow(t, s.instancer(t, "books")).WaitFor(t, s.Within, a)
	Follow(t, s.instancer(t, "bookshops")).WaitFor(t, s.Within, b)
	Follow(t, s.instancer(t, "")).WaitFor(t, s.Within, "127.0.0.1:50053")
}

func testListsAreSortedAndOwned(t *testing.T, s suite) {
	a, b := s.addresses()
	s.register(t, "books", b)
	s.register(t, "books", a)
	i := s.instancer(t, "books")
	first, second := Follow(t, i), Follow(t, i)
	want := s.list(a, b)
	have := first.Next(t, s.Within)
	for !slices.Equal(have.Instances, want) { // the first list may have one instance
		if !slices.IsSorted(have.Instances) {
			t.Fatalf("have %v, want a sorted list", have.Instances)
		}
		have = first.Next(t, s.Within)
	}
	have.Instances[0] = "changed by the receiver"
	second.WaitFor(t, s.Within, want...)
	Follow(t, i).WaitFor(t, s.Within, want...)
}

func testSlowSubscriberDoesNotDelayOthers(t *testing.T, s suite) {
	a, _ := s.addresses()
	i := s.instancer(t, "books")
	slow := Follow(t, i) // receives at the end
	quick := Follow(t, i)
	r := s.register(t, "books", a)
	quick.WaitFor(t, s.Within, s.list(a)...)
	if len(s.Fixed) == 0 {
		for range 3 {
			s.deregister(t, r)
			quick.WaitFor(t, s.Within)
			s.register(t, "books", a)
			quick.WaitFor(t, s.Within, a)
		}
	}
	if have, want := slow.Next(t, s.Within).Instances, s.list(a); !slices.Equal(have, want) {
		t.Errorf("have %v in a late receiver, want the latest list %v", have, want)
	}
}

func testNothingIsSentAfterDeregister(t *testing.T, s suite) {
	a, _ := s.addresses()
	i := s.instancer(t, "books")
	for range 50 {
		events := make(chan sd.Event)
		i.Register(events)
		go func() {
			for range events { // go-kit's endpointer receives like this
			}
		}()
		s.register(t, "books", a)
		i.Deregister(events)
		close(events) // a later send would panic
	}
	i.Deregister(make(chan sd.Event)) // was not registered
}

func testErrClosed(t *testing.T, s suite) {
	a, _ := s.addresses()
	r := s.register(t, "books", a)
	i := s.instancer(t, "books")
	Follow(t, i).WaitFor(t, s.Within, s.list(a)...)
	for range 2 {
		if err := s.registry.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Register(s.context(t)); !errors.Is(err, discovery.ErrClosed) {
		t.Errorf("Register: have %v, want ErrClosed", err)
	}
	created := s.registry.Registrar("books", a)
	if err := created.Register(s.context(t)); !errors.Is(err, discovery.ErrClosed) {
		t.Errorf("Register of a new registrar: have %v, want ErrClosed", err)
	}
	if _, err := s.registry.Instancer("books"); !errors.Is(err, discovery.ErrClosed) {
		t.Errorf("Instancer: have %v, want ErrClosed", err)
	}
	if err := discovery.Wait(s.context(t), i); !errors.Is(err, discovery.ErrClosed) {
		t.Errorf("Wait: have %v, want ErrClosed", err)
	}
	if err := r.Deregister(s.context(t)); err != nil {
		t.Errorf("Deregister: have %v, want nil", err)
	}
	i.Stop() // has no effect
}

func testStopTwice(t *testing.T, s suite) {
	a, _ := s.addresses()
	s.register(t, "books", a)
	i, other := s.instancer(t, "books"), s.instancer(t, "books")
	f := Follow(t, i)
	f.WaitFor(t, s.Within, s.list(a)...)
	var stopping sync.WaitGroup
	for range 4 {
		stopping.Go(i.Stop)
	}
	stopping.Wait()
	i.Register(make(chan sd.Event)) // has no effect and does not block
	Follow(t, other).WaitFor(t, s.Within, s.list(a)...)
}

func testInvalidNamesAreErrors(t *testing.T, s suite) {
	for _, test := range []struct{ name, service, addr string }{
		{"empty address", "books", ""},
		{"no port", "books", "127.0.0.1"},
		{"port zero", "books", "127.0.0.1:0"},
		{"no host", "books", ":50051"},
		{"address with a slash", "books", "a/b:50051"},
		{"address with a scheme", "books", "http://127.0.0.1:50051"},
		{"service with a slash", "books/old", "127.0.0.1:50051"},
	} {
		r := s.registry.Registrar(test.service, test.addr)
		if err := r.Register(s.context(t)); err == nil {
			t.Errorf("%s: have no error, want one", test.name)
		}
	}
	if _, err := s.registry.Instancer("books/old"); err == nil {
		t.Error("instancer of a service with a slash: have no error, want one")
	}
}

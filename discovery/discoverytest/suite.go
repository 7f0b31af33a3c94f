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
)

// Options says what the suite cannot know about a kind of discovery.
type Options struct {
	// Fixed is the list that every registry serves, at least two addresses, for a
	// kind that registering does not change. It is empty for all others.
	Fixed []string

	// Within is how long a change may take to be seen; 0 means ten seconds.
	Within time.Duration
}

// suite is one subtest at work.
type suite struct {
	Options
	registry discovery.Registry
}

// Run runs the suite, each part on a registry of its own from open. Registries
// that are open at the same time must not see each other's instances. Run closes
// them.
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
		{"RegisteredIsSeen", false, testRegisteredIsSeen},
		{"RegisterTwiceIsOnce", false, testRegisterTwiceIsOnce},
		{"DeregisteredIsGone", true, testDeregisteredIsGone},
		{"RegisterAgainAfterDeregister", true, testRegisterAgain},
		{"ServicesDoNotMix", true, testServicesDoNotMix},
		{"ListsAreSortedAndOwned", false, testListsAreSortedAndOwned},
		{"SlowSubscriberBlocksNobody", false, testSlowSubscriberBlocksNobody},
		{"NothingAfterDeregister", false, testNothingAfterDeregister},
		{"EndpointerWorks", false, testEndpointerWorks},
		{"BadNamesAreRefused", false, testBadNamesAreRefused},
		{"StopTwice", false, testStopTwice},
		{"ClosedIsClosed", false, testClosedIsClosed},
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

// addresses returns two addresses that may be registered.
func (s suite) addresses() (a, b string) {
	if len(s.Fixed) > 0 {
		return s.Fixed[0], s.Fixed[1]
	}
	return "127.0.0.1:50051", "127.0.0.1:50052"
}

// list is what an instancer tells when these are registered.
func (s suite) list(registered ...string) []string {
	if len(s.Fixed) > 0 {
		return slices.Compact(slices.Sorted(slices.Values(s.Fixed)))
	}
	return registered
}

func (s suite) context(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), s.Within)
	t.Cleanup(cancel)
	return ctx
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

func testRegisteredIsSeen(t *testing.T, s suite) {
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

func testRegisterTwiceIsOnce(t *testing.T, s suite) {
	a, _ := s.addresses()
	r := s.register(t, "books", a)
	if err := r.Register(s.context(t)); err != nil {
		t.Fatal(err)
	}
	s.register(t, "books", a)
	Follow(t, s.instancer(t, "books")).WaitFor(t, s.Within, s.list(a)...)
}

func testDeregisteredIsGone(t *testing.T, s suite) {
	a, b := s.addresses()
	first, second := s.register(t, "books", a), s.register(t, "books", b)
	f := Follow(t, s.instancer(t, "books"))
	f.WaitFor(t, s.Within, a, b)
	for range 2 { // the second time is nothing
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
	s.deregister(t, r) // nothing yet
	for range 3 {
		s.register(t, "books", a)
		f.WaitFor(t, s.Within, a)
		s.deregister(t, r)
		f.WaitFor(t, s.Within)
	}
}

func testServicesDoNotMix(t *testing.T, s suite) {
	a, b := s.addresses()
	s.register(t, "books", a)
	s.register(t, "bookshops", b) // the other name begins the same way
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
	for !slices.Equal(have.Instances, want) { // etcd may tell of one first
		if !slices.IsSorted(have.Instances) {
			t.Fatalf("have %v, want it sorted", have.Instances)
		}
		have = first.Next(t, s.Within)
	}
	have.Instances[0] = "changed by its receiver"
	second.WaitFor(t, s.Within, want...)
	Follow(t, i).WaitFor(t, s.Within, want...)
}

func testSlowSubscriberBlocksNobody(t *testing.T, s suite) {
	a, _ := s.addresses()
	i := s.instancer(t, "books")
	slow := Follow(t, i) // receives nothing for now
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
		t.Errorf("have %v for a late receiver, want the newest list %v", have, want)
	}
}

func testNothingAfterDeregister(t *testing.T, s suite) {
	a, _ := s.addresses()
	i := s.instancer(t, "books")
	for range 50 {
		events := make(chan sd.Event)
		i.Register(events)
		go func() {
			for range events { // as go-kit's endpointer receives
			}
		}()
		s.register(t, "books", a)
		i.Deregister(events)
		close(events) // a send would panic
	}
	i.Deregister(make(chan sd.Event)) // never registered
}

func testClosedIsClosed(t *testing.T, s suite) {
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
	if err := s.registry.Registrar("books", a).Register(s.context(t)); !errors.Is(err, discovery.ErrClosed) {
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
	i.Stop()
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
	i.Register(make(chan sd.Event)) // does nothing, and does not block
	Follow(t, other).WaitFor(t, s.Within, s.list(a)...)
}

func testBadNamesAreRefused(t *testing.T, s suite) {
	for _, test := range []struct{ name, service, addr string }{
		{"empty address", "books", ""},
		{"no port", "books", "127.0.0.1"},
		{"port zero", "books", "127.0.0.1:0"},
		{"no host", "books", ":50051"},
		{"address with a slash", "books", "a/b:50051"},
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

package discovery_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"bookservice/discovery"
	"bookservice/discovery/discoverytest"
	"bookservice/discovery/internal/testkit"
)

// Register is called while the cluster has no leader.
func TestRegisterTriesUntilItsContextEnds(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	e := startEtcd(t, 3)
	r := e.open(t)
	register(t, r, addrA)
	for round := range 3 {
		if err := e.StopMember(e.leader(t, e.Endpoints())); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		registrar := r.Registrar("", fmt.Sprintf("127.0.0.1:%d", 6000+round))
		if err := registrar.Register(testkit.Context(t, limit)); err != nil {
			t.Errorf("round %d: after %s: %v", round, time.Since(begin), err)
		}
		e.restart(t, true)
	}
}

func TestRegisterOutlivesTheTimeoutOfARequest(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	e := startEtcd(t, 1)
	e.Stop()
	c := shortTimeout(e.Endpoints()...)
	c.Timeout = 200 * time.Millisecond
	registered := make(chan error, 1)
	registrar := open(t, c).Registrar("", addrA)
	go func() { registered <- registrar.Register(testkit.Context(t, limit)) }()
	select {
	case err := <-registered:
		t.Fatalf("have %v while etcd is down, want no return", err)
	case <-time.After(5 * c.Timeout):
	}
	e.restart(t, true)
	if err := <-registered; err != nil {
		t.Fatal(err)
	}
	if !e.registered(t, addrA) {
		t.Error("have no registration after Register")
	}
}

func TestRegisterInTheBackground(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	e := startEtcd(t, 1)
	e.Stop()
	log := newRecorder()
	c := shortTimeout(e.Endpoints()...)
	c.Register = discovery.RegisterBackground
	r := open(t, c, discovery.WithLogger(slog.New(log)))
	a, b := r.Registrar("", addrA), r.Registrar("", addrB)
	for _, registrar := range []discovery.Registrar{a, b} {
		if err := timed(t, "Register", 0, func() error {
			return registrar.Register(context.Background())
		}); err != nil {
			t.Fatal(err)
		}
	}
	testkit.Eventually(t, "both failures are logged", func() bool { return len(log.sorted()) == 2 })
	if err := b.Deregister(testkit.Context(t, limit)); err != nil {
		t.Errorf("Deregister before the registration: have %v, want nil", err)
	}
	e.restart(t, true)
	took := testkit.EventuallyWithin(t, 2*ttl, "the instance is registered", func() bool {
		return e.registered(t, addrA)
	})
	t.Logf("registered after %s", took)
	testkit.Eventually(t, "the success is logged", func() bool { return len(log.sorted()) == 3 })
	want := []string{"cannot register yet", "cannot register yet", "registered"}
	if have := log.sorted(); !slices.Equal(have, want) {
		t.Errorf("have log %q, want %q", have, want)
	}
	testkit.Always(t, ttl, "the other instance is not registered", func() bool {
		return e.absent(t, addrB)
	})
	err := r.Registrar("a/b", addrA).Register(t.Context())
	if err == nil {
		t.Error("invalid service: have no error, want one")
	}
	deregister(t, a)
	if !e.absent(t, addrA) {
		t.Error("have a key after Deregister, want none")
	}
}

func TestFailureOfRegisterSaysWhy(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	plain := startEtcd(t, 1).Endpoints()[0]
	for _, test := range []struct{ name, endpoint, want string }{
		{"refused", testkit.ClosedAddr(t), "connection refused"},
		{"no such host", "no-such-host.invalid:2379", "no-such-host.invalid"},
		{"no answer", silentAddr(t), "not answered"},
		{"TLS to a plain etcd", "https://" + plain,
			"TLS handshake: EOF, possibly because etcd requires http://"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := open(t, config(test.endpoint))
			err := r.Registrar("", addrA).Register(testkit.Context(t, 2*time.Second))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("have %v, want %q in it", err, test.want)
			}
			if !errors.Is(err, context.DeadlineExceeded) ||
				strings.Contains(err.Error(), "rpc error") {
				t.Errorf("have %v, want context.DeadlineExceeded and no gRPC text", err)
			}
		})
	}
}

func TestFailureOfDeregisterSaysWhy(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	e := startEtcd(t, 1)
	a := register(t, e.open(t), addrA)
	e.Stop()
	for range 8 { // the last of its requests may have no time to fail
		err := a.Deregister(testkit.Context(t, 300*time.Millisecond))
		if !errors.Is(err, context.DeadlineExceeded) ||
			!strings.Contains(err.Error(), "connection refused") {
			t.Errorf("have %v, want context.DeadlineExceeded and the reason", err)
		}
	}
}

// Two processes have the same address, because of a mistake.
func TestKeyOfAnotherProcessIsReportedAndLeftAlone(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	e := startEtcd(t, 1)
	log := newRecorder()
	c := config(e.Endpoints()...)
	first := open(t, c, discovery.WithLogger(slog.New(log)))
	second := open(t, c)
	a := register(t, first, addrA)
	log.reset()
	b := register(t, second, addrA)
	owned := e.get(t, key(addrA))
	testkit.Always(t, 2*ttl, "the key is that of the second process", func() bool {
		return e.get(t, key(addrA)) == owned
	})
	if have := log.sorted(); !slices.Equal(have, []string{"registration lost"}) {
		t.Errorf("have log %q, want one line", have)
	}

	// The first one takes over when the second one leaves.
	deregister(t, b)
	testkit.EventuallyWithin(t, 2*ttl, "the key is that of the first process", func() bool {
		return e.registered(t, addrA)
	})
	deregister(t, a)
	if !e.absent(t, addrA) {
		t.Error("have a key after Deregister, want none")
	}
}

func TestStoppingProcessLeavesTheKeyOfItsSuccessor(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	e := startEtcd(t, 1)
	for _, stop := range []func(discovery.Registry, discovery.Registrar) error{
		func(_ discovery.Registry, a discovery.Registrar) error {
			return a.Deregister(testkit.Context(t, limit))
		},
		func(r discovery.Registry, _ discovery.Registrar) error { return r.Close() },
	} {
		first, second := e.open(t), e.open(t)
		a := register(t, first, addrA)
		f := discoverytest.Follow(t, instancer(t, e.open(t)))
		f.WaitFor(t, limit, addrA)
		b := register(t, second, addrA)
		owned := e.get(t, key(addrA))
		testkit.Always(t, ttl, "the key is that of the successor", func() bool {
			return e.get(t, key(addrA)) == owned
		})
		if err := stop(first, a); err != nil {
			t.Fatal(err)
		}
		testkit.Always(t, ttl, "the key of the successor stays", func() bool {
			return e.get(t, key(addrA)) == owned
		})
		deregister(t, b)
		f.WaitFor(t, ttl/2)
	}
}

// Many requests at once make etcd slow. It is not given up for that.
func TestManyRegisterAtOnce(t *testing.T) {
	t.Parallel()
	p := startProcesses(t, 1) // writes to the disk, unlike the embedded one
	const many = 1000
	c := config(p.Endpoints()...)
	c.TTL = limit // no lease expires on a busy machine
	r := open(t, c)
	errs := make(chan error, many)
	begin := time.Now()
	for n := range many {
		go func() {
			addr := fmt.Sprintf("10.0.%d.%d:5000", n/250, n%250)
			errs <- r.Registrar("", addr).Register(testkit.Context(t, limit))
		}()
	}
	for range many {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	t.Logf("%d registered after %s", many, time.Since(begin))
	f := discoverytest.Follow(t, instancer(t, open(t, c)))
	if have := len(f.Next(t, limit).Instances); have != many {
		t.Errorf("have %d instances, want %d", have, many)
	}
}

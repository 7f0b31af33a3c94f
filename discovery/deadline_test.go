package discovery_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-kit/kit/sd"

	"bookservice/discovery"
	"bookservice/discovery/discoverytest"
	"bookservice/discovery/internal/testkit"
)

// silentAddr returns an address that accepts connections and sends nothing.
func silentAddr(t testing.TB) string {
	t.Helper()
	return testkit.Listen(t).Addr().String()
}

// timed returns the error of f. It fails the test if f does not return within d and slack.
func timed(t *testing.T, what string, d time.Duration, f func() error) error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case <-time.After(d + slack):
		t.Fatalf("%s: did not return within %s", what, d)
		return nil
	}
}

func TestEveryCallEndsWithItsContext(t *testing.T) {
	t.Parallel()
	const d = 200 * time.Millisecond
	for _, test := range []struct {
		name     string
		endpoint func(testing.TB) string
		reason   string // the address of etcd is put in
	}{
		{"connection refused", testkit.ClosedAddr, " (dial tcp %s: connect: connection refused)"},
		{"no answer", silentAddr, ""}, // the reason depends on the time
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := config(test.endpoint(t))
			c.Timeout = time.Minute // longer than every context
			r := open(t, c)
			registrar := r.Registrar("", addrA)
			want := "etcd " + c.Etcd[0] + " did not answer: context deadline exceeded"
			if test.reason != "" {
				want += fmt.Sprintf(test.reason, c.Etcd[0])
			}

			err := timed(t, "Register", d, func() error {
				return registrar.Register(testkit.Context(t, d))
			})
			if !errors.Is(err, context.DeadlineExceeded) ||
				!sameFailure(err, "discovery: register "+addrA+": "+want, test.reason) {
				t.Errorf("Register: have %v, want discovery: register %s: %s", err, addrA, want)
			}
			err = timed(t, "Deregister", 0, func() error {
				return registrar.Deregister(testkit.Context(t, d))
			})
			if err != nil {
				t.Errorf("Deregister of an instance that is not registered: have %v, want nil", err)
			}
			canceled, cancel := context.WithCancel(t.Context())
			time.AfterFunc(d, cancel)
			err = timed(t, "Register", d, func() error { return registrar.Register(canceled) })
			if !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "answer") {
				t.Errorf("Register: have %v, want context.Canceled and no mention of etcd", err)
			}

			var i sd.Instancer
			err = timed(t, "Instancer", 0, func() (err error) { i, err = r.Instancer(""); return })
			if err != nil {
				t.Fatal(err)
			}
			err = timed(t, "Wait", d, func() error {
				return discovery.Wait(testkit.Context(t, d), i)
			})
			if !errors.Is(err, context.DeadlineExceeded) ||
				!sameFailure(err, "discovery: "+want, test.reason) {
				t.Errorf("Wait: have %v, want discovery: %s", err, want)
			}
			_ = timed(t, "Stop", 0, func() error { i.Stop(); return nil })
			if err := timed(t, "Close", 0, r.Close); err != nil {
				t.Errorf("Close: have %v, want nil", err)
			}
		})
	}
}

// sameFailure reports whether err has a text, after which a reason may follow if none is wanted.
func sameFailure(err error, want, reason string) bool {
	const silent = " (connections are accepted and not answered)"
	have := err.Error()
	return have == want || reason == "" && have == want+silent
}

// Repeated, because a select between a free semaphore and an ended context is random.
func TestCallsWithoutRequestsIgnoreTheirContext(t *testing.T) {
	t.Parallel()
	r := startEtcd(t, 1).open(t)
	registered, other := register(t, r, addrA), r.Registrar("", addrB)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 50 {
		if err := registered.Register(ctx); err != nil {
			t.Fatalf("Register of a registered instance: have %v, want nil", err)
		}
		if err := other.Deregister(ctx); err != nil {
			t.Fatalf("Deregister of an instance that is not registered: have %v, want nil", err)
		}
	}
}

func TestEveryRequestEndsWithTheTimeout(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	e := startEtcd(t, 1)
	c := shortTimeout(e.Endpoints()...)
	r, closing := open(t, c), open(t, c)
	a := register(t, r, addrA)
	register(t, closing, addrC)
	e.Stop()

	for range 2 { // Deregister may be repeated
		err := timed(t, "Deregister", c.Timeout, func() error {
			return a.Deregister(context.Background())
		})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Deregister: have %v, want context.DeadlineExceeded", err)
		}
	}
	err := timed(t, "Register", c.Timeout, func() error {
		return r.Registrar("", addrB).Register(context.Background())
	})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Register: have %v, want context.DeadlineExceeded", err)
	}
	for range 2 { // the second Close returns the same error
		err := timed(t, "Close", c.Timeout, closing.Close)
		if err == nil || !strings.HasPrefix(err.Error(), "discovery: close: deregister "+addrC) {
			t.Errorf("Close: have %v, want an error that names %s", err, addrC)
		}
	}
	if err := timed(t, "Close", 0, r.Close); err != nil {
		t.Errorf("Close without registered instances: have %v, want nil", err)
	}
	err = timed(t, "Deregister", 0, func() error { return a.Deregister(context.Background()) })
	if err != nil {
		t.Errorf("Deregister after Close: have %v, want nil", err)
	}

	// The keys of a Deregister that failed expire.
	e.restart(t, true)
	testkit.EventuallyWithin(t, 3*ttl, "both keys expired", func() bool {
		return e.absent(t, addrA) && e.absent(t, addrC)
	})
}

func TestInstancerIsCreatedWhileEtcdIsDown(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	e := startEtcd(t, 1)
	e.put(t, key(addrA), addrA)
	e.Stop()
	f := discoverytest.Follow(t, instancer(t, open(t, shortTimeout(e.Endpoints()...))))
	if event := f.Next(t, limit); event.Err == nil {
		t.Errorf("have event %v while etcd is down, want an error", event)
	}
	e.restart(t, true)
	f.WaitFor(t, limit, addrA)
}

// By default, gRPC waits a second after the first attempt to connect, and up to two minutes later.
func TestConnectingIsRepeatedSoon(t *testing.T) {
	t.Parallel()
	l := testkit.Listen(t)
	var attempts atomic.Int64
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			attempts.Add(1)
			conn.Close()
		}
	}()
	instancer(t, open(t, config(l.Addr().String())))
	testkit.EventuallyWithin(t, 4*time.Second, "there are 5 attempts to connect", func() bool {
		return attempts.Load() >= 5
	})
}

func TestCloseInterruptsCalls(t *testing.T) {
	t.Parallel()
	c := config(silentAddr(t))
	c.Timeout = time.Minute
	r := open(t, c)
	registering, waiting := make(chan error), make(chan error)
	i := instancer(t, r)
	go func() { registering <- r.Registrar("", addrA).Register(context.Background()) }()
	go func() { waiting <- discovery.Wait(context.Background(), i) }()
	if err := timed(t, "Close", 0, r.Close); err != nil {
		t.Error(err)
	}
	for what, errs := range map[string]chan error{"Register": registering, "Wait": waiting} {
		select {
		case err := <-errs:
			if !errors.Is(err, discovery.ErrClosed) {
				t.Errorf("%s: have %v, want ErrClosed", what, err)
			}
		case <-time.After(limit):
			t.Errorf("%s: did not return after Close, want ErrClosed", what)
		}
	}
}

package discovery_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/go-kit/kit/sd"

	"bookservice/discovery"
	"bookservice/discovery/discoverytest"
)

// slack is what a busy machine may take on top of a limit.
const slack = 2 * time.Second

// refusing returns an address where nobody listens.
func refusing(t *testing.T) string {
	t.Helper()
	listener := listen(t)
	listener.Close()
	return listener.Addr().String()
}

// silent returns an address where connections are made and nothing is answered.
func silent(t *testing.T) string {
	t.Helper()
	return listen(t).Addr().String()
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener
}

// timed fails the test when f takes longer than d and some slack.
func timed(t *testing.T, what string, d time.Duration, f func() error) error {
	t.Helper()
	begin := time.Now()
	err := f()
	if took := time.Since(begin); took > d+slack {
		t.Errorf("%s: have an answer after %s, want it within %s", what, took, d)
	}
	return err
}

func TestEveryCallEndsWithItsContext(t *testing.T) {
	t.Parallel()
	const d = 200 * time.Millisecond
	for _, test := range []struct {
		name     string
		endpoint func(*testing.T) string
	}{
		{"connection refused", refusing},
		{"no answer", silent},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := config(test.endpoint(t))
			c.Timeout = time.Minute // the context alone is what ends a call
			r := open(t, c)
			registrar := r.Registrar("", addrA)
			want := "etcd " + c.Etcd[0] + " did not answer: context deadline exceeded"

			err := timed(t, "Register", d, func() error { return registrar.Register(within(t, d)) })
			if !errors.Is(err, context.DeadlineExceeded) || err.Error() != "discovery: register "+addrA+": "+want {
				t.Errorf("Register: have %v, want discovery: register %s: %s", err, addrA, want)
			}
			if err := timed(t, "Deregister", 0, func() error { return registrar.Deregister(within(t, d)) }); err != nil {
				t.Errorf("Deregister of what is not registered: have %v, want nil", err)
			}
			canceled, cancel := context.WithCancel(t.Context())
			time.AfterFunc(d, cancel)
			err = timed(t, "Register", d, func() error { return registrar.Register(canceled) })
			if !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "answer") {
				t.Errorf("Register: have %v, want it canceled and nobody blamed", err)
			}

			var i sd.Instancer
			err = timed(t, "Instancer", 0, func() (err error) { i, err = r.Instancer(""); return })
			if err != nil {
				t.Fatal(err)
			}
			err = timed(t, "Wait", d, func() error { return discovery.Wait(within(t, d), i) })
			if !errors.Is(err, context.DeadlineExceeded) || err.Error() != "discovery: "+want {
				t.Errorf("Wait: have %v, want discovery: %s", err, want)
			}
			timed(t, "Stop", 0, func() error { i.Stop(); return nil })
			if err := timed(t, "Close", 0, r.Close); err != nil {
				t.Errorf("Close: have %v, want nil", err)
			}
		})
	}
}

func TestEveryRequestEndsWithTheTimeout(t *testing.T) {
	t.Parallel()
	e := startEtcd(t, 1)
	c := impatient(e.Endpoints()...)
	r, closing := open(t, c), open(t, c)
	a := register(t, r, addrA)
	register(t, closing, addrC)
	e.Stop()

	for range 2 { // Deregister may be tried again
		err := timed(t, "Deregister", c.Timeout, func() error { return a.Deregister(context.Background()) })
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Deregister: have %v, want deadline exceeded", err)
		}
	}
	err := timed(t, "Register", c.Timeout, func() error { return r.Registrar("", addrB).Register(context.Background()) })
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Register: have %v, want deadline exceeded", err)
	}
	for range 2 { // a second Close returns the same
		err := timed(t, "Close", c.Timeout, closing.Close)
		if err == nil || !strings.HasPrefix(err.Error(), "discovery: close: deregister "+addrC) {
			t.Errorf("Close: have %v, want an error about %s", err, addrC)
		}
	}
	if err := timed(t, "Close", 0, r.Close); err != nil {
		t.Errorf("Close with nothing registered: have %v, want nil", err)
	}

	// Once etcd answers, a Deregister that failed leaves nothing behind for long.
	e.restart(t, true)
	poll(t, 3*ttl, "no key left", func() bool {
		return e.held(t, key(addrA)) == held{} && e.held(t, key(addrC)) == held{}
	})
}

func TestInstancerIsMadeWhileEtcdIsDown(t *testing.T) {
	t.Parallel()
	e := startEtcd(t, 1)
	e.put(t, key(addrA), addrA)
	e.Stop()
	f := discoverytest.Follow(t, instancer(t, open(t, impatient(e.Endpoints()...))))
	if event := f.Next(t, limit); event.Err == nil {
		t.Errorf("have event %v before anything could be read, want an error", event)
	}
	e.restart(t, true)
	f.WaitFor(t, limit, addrA)
}

func TestCloseInterruptsWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	c := config(silent(t))
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
			t.Errorf("%s: have no answer after Close, want ErrClosed", what)
		}
	}
}

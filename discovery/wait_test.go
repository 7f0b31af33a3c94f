package discovery_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/go-kit/kit/sd"

	"bookservice/discovery"
	"bookservice/discovery/discoverytest"
	"bookservice/discovery/internal/testkit"
)

func TestWaitReturnsWithTheFirstInstance(t *testing.T) {
	t.Parallel()
	e := startEtcd(t, 1)
	r := e.open(t)
	i := instancer(t, r)
	waited := make(chan error)
	go func() { waited <- discovery.Wait(testkit.Context(t, limit), i) }()
	register(t, r, addrA)
	if err := <-waited; err != nil {
		t.Fatal(err)
	}
}

// A prefix without the name of the service is a likely mistake.
func TestWaitErrorNamesALongerPrefix(t *testing.T) {
	t.Parallel()
	e := startEtcd(t, 1)
	c := config(e.Endpoints()...)
	c.Prefix = "/services/"
	e.put(t, "/services/books/"+addrA, addrA)
	i := instancer(t, open(t, c))
	discoverytest.Follow(t, i).WaitFor(t, limit) // etcd has answered
	err := discovery.Wait(testkit.Context(t, time.Second/4), i)
	want := fmt.Sprintf("discovery: no instance under /services/ on etcd %s, "+
		`but a key below the longer prefix "/services/books/"`, e.Endpoints()[0])
	if err == nil || err.Error() != want {
		t.Errorf("have %v, want %s", err, want)
	}
}

func TestWaitErrorNamesTheCause(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	e := startEtcd(t, 1)
	r := e.open(t)
	for _, test := range []struct{ service, where string }{
		{"", "/services/"},
		{"admin", "/services/admin/"},
	} {
		i, err := r.Instancer(test.service)
		if err != nil {
			t.Fatal(err)
		}
		discoverytest.Follow(t, i).WaitFor(t, limit) // etcd has answered
		err = discovery.Wait(testkit.Context(t, time.Second/4), i)
		want := fmt.Sprintf("discovery: no instance under %s on etcd %s",
			test.where, e.Endpoints()[0])
		if err == nil || err.Error() != want {
			t.Fatalf("have %v, want %s", err, want)
		}
		if !errors.Is(err, discovery.ErrNoInstances) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("have %#v, want it to wrap ErrNoInstances and the error of the context", err)
		}
	}
	e.Stop()
	err := discovery.Wait(testkit.Context(t, 500*time.Millisecond), instancer(t, r))
	want := fmt.Sprintf("discovery: etcd %s did not answer: context deadline exceeded"+
		" (dial tcp %[1]s: connect: connection refused)", e.Endpoints()[0])
	if err == nil || err.Error() != want {
		t.Fatalf("have %v, want %s", err, want)
	}
	if errors.Is(err, discovery.ErrNoInstances) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("have %#v, want it to wrap the error of the context alone", err)
	}
}

// A stubInstancer sends one event to each subscriber, or none if it is nil.
type stubInstancer struct{ event *sd.Event }

func (s stubInstancer) Deregister(chan<- sd.Event) {}
func (s stubInstancer) Stop()                      {}
func (s stubInstancer) Register(ch chan<- sd.Event) {
	if s.event != nil {
		ch <- *s.event
	}
}

func TestWaitWorksOnOtherInstancers(t *testing.T) {
	onFire := errors.New("on fire")
	for _, test := range []struct {
		name      string
		instancer sd.Instancer
		want      string
	}{
		{"instances", sd.FixedInstancer{addrA}, ""},
		{"no instances", sd.FixedInstancer{}, "discovery: no instance is known"},
		{"error", stubInstancer{&sd.Event{Err: onFire}}, "discovery: on fire"},
		{"no event", stubInstancer{},
			"discovery: the instancer did not answer: context deadline exceeded"},
	} {
		t.Run(test.name, func(t *testing.T) {
			have := ""
			ctx := testkit.Context(t, 100*time.Millisecond)
			err := discovery.Wait(ctx, test.instancer)
			if err != nil {
				have = err.Error()
			}
			if have != test.want {
				t.Errorf("have %q, want %q", have, test.want)
			}
			if test.name == "error" && !errors.Is(err, onFire) {
				t.Errorf("have %#v, want it to wrap the error of the event", err)
			}
		})
	}
}

// A blockingInstancer sends an event while Deregister holds its lock, as the instancers of go-kit
// can do.
type blockingInstancer struct{ stubInstancer }

func (b blockingInstancer) Deregister(ch chan<- sd.Event) {
	for range 3 {
		ch <- sd.Event{}
	}
}

func TestWaitDrainsTheChannelThatItDeregisters(t *testing.T) {
	i := blockingInstancer{stubInstancer{&sd.Event{Instances: []string{addrA}}}}
	if err := timed(t, "Wait", 0, func() error {
		return discovery.Wait(testkit.Context(t, limit), i)
	}); err != nil {
		t.Error(err)
	}
}

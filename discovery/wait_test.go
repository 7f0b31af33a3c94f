package discovery_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/go-kit/kit/sd"

	"bookservice/discovery"
	"bookservice/discovery/discoverytest"
)

func TestWaitReturnsWithTheFirstInstance(t *testing.T) {
	t.Parallel()
	e := startEtcd(t, 1)
	r := e.open(t)
	i := instancer(t, r)
	waited := make(chan error)
	go func() { waited <- discovery.Wait(within(t, limit), i) }()
	register(t, r, addrA)
	if err := <-waited; err != nil {
		t.Fatal(err)
	}
}

func TestWaitSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	e := startEtcd(t, 1)
	r := e.open(t)
	for _, test := range []struct{ service, where string }{
		{"", "/services/book/"},
		{"admin", "/services/book/admin/"},
	} {
		i, err := r.Instancer(test.service)
		if err != nil {
			t.Fatal(err)
		}
		discoverytest.Follow(t, i).WaitFor(t, limit) // etcd has answered
		err = discovery.Wait(within(t, time.Second/4), i)
		want := fmt.Sprintf("discovery: no instance under %s on etcd %s", test.where, e.Endpoints()[0])
		if err == nil || err.Error() != want {
			t.Fatalf("have %v, want %s", err, want)
		}
		if !errors.Is(err, discovery.ErrNoInstances) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("have %#v, want ErrNoInstances and the context's error in it", err)
		}
	}
	e.Stop()
	err := discovery.Wait(within(t, 500*time.Millisecond), instancer(t, r))
	want := fmt.Sprintf("discovery: etcd %s did not answer: context deadline exceeded", e.Endpoints()[0])
	if err == nil || err.Error() != want {
		t.Fatalf("have %v, want %s", err, want)
	}
	if errors.Is(err, discovery.ErrNoInstances) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("have %#v, want the context's error and not ErrNoInstances in it", err)
	}
}

// mute is an instancer of somebody else's that tells one event, or none.
type mute struct{ event *sd.Event }

func (m mute) Deregister(chan<- sd.Event) {}
func (m mute) Stop()                      {}
func (m mute) Register(ch chan<- sd.Event) {
	if m.event != nil {
		ch <- *m.event
	}
}

func TestWaitWorksOnOtherInstancers(t *testing.T) {
	for _, test := range []struct {
		name      string
		instancer sd.Instancer
		want      string
	}{
		{"instances", sd.FixedInstancer{addrA}, ""},
		{"none", sd.FixedInstancer{}, "discovery: no instance is known"},
		{"error", mute{&sd.Event{Err: errors.New("on fire")}}, "discovery: on fire"},
		{"silence", mute{}, "discovery: the instancer did not answer: context deadline exceeded"},
	} {
		t.Run(test.name, func(t *testing.T) {
			have := ""
			if err := discovery.Wait(within(t, 100*time.Millisecond), test.instancer); err != nil {
				have = err.Error()
			}
			if have != test.want {
				t.Errorf("have %q, want %q", have, test.want)
			}
		})
	}
}

// registrar is a real registrar that remembers and can be told to fail.
type registrar struct {
	registered bool
	err        error
	deadline   time.Duration
}

func (r *registrar) set(ctx context.Context, registered bool) error {
	if end, ok := ctx.Deadline(); ok {
		r.deadline = time.Until(end)
	}
	if r.err == nil {
		r.registered = registered
	}
	return r.err
}

func (r *registrar) Register(ctx context.Context) error   { return r.set(ctx, true) }
func (r *registrar) Deregister(ctx context.Context) error { return r.set(ctx, false) }

func TestKit(t *testing.T) {
	r, log := &registrar{}, newMessages()
	kit := discovery.Kit(r, time.Minute, slog.New(log))
	kit.Register()
	if !r.registered || r.deadline <= 0 || r.deadline > time.Minute {
		t.Errorf("have %+v, want it registered within a minute", r)
	}
	kit.Deregister()
	if r.registered {
		t.Error("have it registered, want it deregistered")
	}
	r.err = errors.New("on fire")
	kit.Register()
	kit.Deregister()
	if have, want := fmt.Sprint(log.sorted()), "[deregister failed register failed]"; have != want {
		t.Errorf("have log %s, want %s", have, want)
	}
	discovery.Kit(r, time.Minute, nil).Register() // logs nowhere
}

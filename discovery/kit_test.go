package discovery_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"bookservice/discovery"
)

// A stubRegistrar records whether it is registered and the time left to the deadline.
type stubRegistrar struct {
	registered bool
	err        error // the error of all calls
	timeLeft   time.Duration
}

func (r *stubRegistrar) set(ctx context.Context, registered bool) error {
	if deadline, ok := ctx.Deadline(); ok {
		r.timeLeft = time.Until(deadline)
	}
	if r.err == nil {
		r.registered = registered
	}
	return r.err
}

func (r *stubRegistrar) Register(ctx context.Context) error   { return r.set(ctx, true) }
func (r *stubRegistrar) Deregister(ctx context.Context) error { return r.set(ctx, false) }

func TestKit(t *testing.T) {
	r, log := &stubRegistrar{}, newRecorder()
	kit := discovery.Kit(r, time.Minute, slog.New(log))
	kit.Register()
	if !r.registered || r.timeLeft <= 0 || r.timeLeft > time.Minute {
		t.Errorf("have %+v, want it registered with a deadline in at most a minute", r)
	}
	kit.Deregister()
	if r.registered {
		t.Error("have it registered, want it deregistered")
	}
	r.err = errors.New("on fire")
	kit.Register()
	kit.Deregister()
	if have, want := fmt.Sprint(log.sorted()), "[cannot deregister cannot register]"; have != want {
		t.Errorf("have log %s, want %s", have, want)
	}
}

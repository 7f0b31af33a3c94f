package client

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/go-kit/kit/sd"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"

	"bookservice/service"
	"bookservice/service/bookgrpc"
	"bookservice/tracer/tracertest/testkit"
)

// A lateContext has passed its deadline, but its timer has not fired.
type lateContext struct{ context.Context }

func (lateContext) Deadline() (time.Time, bool) { return time.Now().Add(-time.Nanosecond), true }

func TestClassify(t *testing.T) {
	active, cancelled := t.Context(), func() context.Context {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		return ctx
	}()
	late := lateContext{t.Context()}
	internal := bookgrpc.WithStatus(codes.Internal, errors.New("disk on fire"))
	deadline := bookgrpc.WithStatus(codes.DeadlineExceeded, context.DeadlineExceeded)
	cancellation := bookgrpc.WithStatus(codes.Canceled, context.Canceled)
	tests := []struct {
		name   string
		caller context.Context
		err    error
		want   outcome
	}{
		{"success", active, nil, succeeded},
		{"business error", active, service.NotFound(1), succeeded},
		{"fault", active, internal, failed},
		{"fault when the caller is done", cancelled, internal, failed},
		{"no instance", active, ErrNoInstance, ignored},
		{"closed", active, ErrClosed, ignored},
		{"timeout", active, deadline, failed},
		{"caller's deadline", late, deadline, ignored},
		{"cancelled by the server", active, cancellation, failed},
		{"cancelled by the caller", cancelled, cancellation, ignored},
		{"limited", active, bookgrpc.WithStatus(codes.ResourceExhausted, errors.New("no")),
			ignored},
		{"too large", active, bookgrpc.WithStatus(codes.ResourceExhausted,
			errors.New("grpc: received message larger than max (5 vs. 4)")), ignored},
		{"not encoded", active, bookgrpc.WithStatus(codes.Internal,
			errors.New("grpc: error while marshaling: invalid UTF-8")), ignored},
		{"unknown method", active, bookgrpc.WithStatus(codes.Unimplemented, errors.New("no")),
			ignored},
	}
	for _, tt := range tests {
		cl := &call{caller: tt.caller}
		if have := cl.classify(tt.err, time.Now()); have != tt.want {
			t.Errorf("%s: have outcome %d, want %d", tt.name, have, tt.want)
		}
	}
}

// newTestPool returns a pool whose instances have no goroutine, and a counter of its connections.
func newTestPool(t *testing.T) (p *pool, dialled *int) {
	t.Helper()
	dialled = new(int)
	p = openPool(nil, defaultBalancing(), options{}, slog.New(slog.DiscardHandler))
	p.launch = func(in *instance) {
		defer p.open.Done()
		*dialled++
		in.dial()
	}
	return p, dialled
}

func TestRetiredInstanceDeclines(t *testing.T) {
	p, _ := newTestPool(t)
	p.update([]string{testkit.ClosedAddr(t)})
	in := p.live[0]
	if !in.acquire() {
		t.Fatal("an instance that is not retired declines a call")
	}
	p.update(nil)
	if in.acquire() {
		t.Error("a retired instance accepts a call")
	}
	if in.conn.GetState() == connectivity.Shutdown {
		t.Error("the connection is closed during a call")
	}
	in.release()
	if in.conn.GetState() != connectivity.Shutdown {
		t.Error("the connection is open after the last call")
	}
	if in.acquire() {
		t.Error("a closed instance accepts a call")
	}
	p.open.Wait()
}

// The list may be unsorted and have duplicates. An instance that stays keeps its connection.
func TestPoolFollowsTheList(t *testing.T) {
	p, dialled := newTestPool(t)
	for _, tt := range []struct {
		list, want []string
		dialled    int
	}{
		{[]string{"b:1", "a:1", "b:1"}, []string{"a:1", "b:1"}, 2},
		{[]string{"a:1", "b:1"}, []string{"a:1", "b:1"}, 2},
		{[]string{"c:1", "b:1"}, []string{"b:1", "c:1"}, 3},
		{[]string{"a:1", "b:1", "c:1", "d:1"}, []string{"a:1", "b:1", "c:1", "d:1"}, 5},
		{nil, nil, 5},
		{[]string{"d:1"}, []string{"d:1"}, 6},
		{nil, nil, 6},
	} {
		before := slices.Clone(p.live)
		p.update(tt.list)
		var have []string
		for _, in := range p.live {
			have = append(have, in.addr)
			same := func(b *instance) bool { return b.addr == in.addr }
			if !slices.Contains(before, in) && slices.ContainsFunc(before, same) {
				t.Errorf("%v: %s has a new connection", tt.list, in.addr)
			}
		}
		var known []string
		for _, e := range p.balancer.Snapshot().Endpoints {
			known = append(known, e.Address)
		}
		if !slices.Equal(have, tt.want) || !slices.Equal(known, tt.want) || *dialled != tt.dialled {
			t.Errorf("%v: have %v in the pool and %v in the balancer after %d connections, "+
				"want %v after %d", tt.list, have, known, *dialled, tt.want, tt.dialled)
		}
	}
	p.open.Wait()
}

// A lateInstancer publishes a list, and another one when it is deregistered.
type lateInstancer struct{}

func (lateInstancer) Register(ch chan<- sd.Event) { ch <- sd.Event{Instances: []string{"a:1"}} }

func (lateInstancer) Deregister(ch chan<- sd.Event) {
	ch <- sd.Event{Instances: []string{"a:1", "b:1"}}
}

func (lateInstancer) Stop() {}

// Register returns after the pool has applied the list, and end after it has retired all instances.
func TestSubscription(t *testing.T) {
	p, dialled := newTestPool(t)
	s := subscribe(lateInstancer{}, p)
	if n := len(p.balancer.Snapshot().Endpoints); n != 1 || *dialled != 1 {
		t.Errorf("after Register: have %d instances, want 1", n)
	}
	s.end()
	if n := len(p.balancer.Snapshot().Endpoints); n != 0 || *dialled != 2 {
		t.Errorf("after Deregister: have %d instances of %d, want 0 of 2", n, *dialled)
	}
	p.open.Wait()
}

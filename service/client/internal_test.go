package client

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/kit/sd"
	"google.golang.org/grpc/codes"

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
		{"not implemented", active, bookgrpc.WithStatus(codes.Unimplemented, errors.New("no")),
			ignored},
	}
	for _, tt := range tests {
		cl := &call{caller: tt.caller}
		if have := cl.classify(tt.err); have != tt.want {
			t.Errorf("%s: have outcome %d, want %d", tt.name, have, tt.want)
		}
	}
}

// newTestInstance returns an instance at a closed address, and a counter of the calls of onClose.
func newTestInstance(t *testing.T) (in *instance, closed *int) {
	t.Helper()
	addr := testkit.ClosedAddr(t)
	in, err := newConnector(nil, options{})(addr)
	if err != nil {
		t.Fatal(err)
	}
	closed = new(int)
	in.onClose = func() { *closed++ }
	return in, closed
}

func TestRetiredInstanceDeclines(t *testing.T) {
	in, closed := newTestInstance(t)
	if !in.acquire() {
		t.Fatal("an instance that is not retired declines a call")
	}
	in.retire()
	if in.acquire() {
		t.Error("a retired instance accepts a call")
	}
	if *closed != 0 {
		t.Error("the connection is closed during a call")
	}
	in.release()
	in.retire()
	if *closed != 1 {
		t.Errorf("the connection was closed %d times, want once", *closed)
	}
}

func TestClosedPoolRefusesInstances(t *testing.T) {
	p := newPool(newConnector(nil, options{}))
	p.retireAll()
	if _, _, err := p.factory(testkit.ClosedAddr(t)); err != ErrClosed {
		t.Errorf("have %v, want %v", err, ErrClosed)
	}
}

// Register and Deregister return after the subscriber has processed the previous event. The clock
// is that of the synctest bubble.
func TestSyncInstancer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ch := make(chan sd.Event)
		processed := make(chan sd.Event, 10)
		go func() {
			for event := range ch {
				<-time.After(time.Second)
				processed <- event
			}
		}()
		instancer := syncInstancer{sd.FixedInstancer{"a:1"}}
		instancer.Register(ch)
		if len(processed) != 1 || len((<-processed).Instances) != 1 {
			t.Error("Register returned before the list of instances was processed")
		}
		ch <- sd.Event{Instances: []string{"b:1"}} // waits for the sync event of Register
		if event := <-processed; event.Err != errSync {
			t.Errorf("have %v, want the sync event", event)
		}
		instancer.Deregister(ch)
		if len(processed) != 1 {
			t.Error("Deregister returned before the last event was processed")
		}
		for event := range processed {
			if event.Err == errSync {
				break
			}
		}
		close(ch)
	})
}

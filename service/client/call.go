package client

import (
	"context"
	"errors"
	"slices"

	"bookservice/service/bookendpoint"
	"bookservice/service/bookgrpc"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	"github.com/go-kit/kit/endpoint"
	"google.golang.org/grpc/status"
)

// A call is one call of a method, with all its attempts. It is what the instances' endpoints take as their request.
type call struct {
	method  string
	of      func(*bookendpoint.Set) endpoint.Endpoint
	request any
	observe func(Attempt) // may be nil
	start   uint64        // its place in the round robin
	tried   []*instance
	room    [3]*instance // for tried, so that it need not be allocated
	last    error        // of the latest attempt
}

// method returns the endpoint that makes calls of one method.
func (c *Client) method(name string, of func(*bookendpoint.Set) endpoint.Endpoint) endpoint.Endpoint {
	return func(ctx context.Context, request any) (any, error) {
		cl := &call{method: name, of: of, request: request, observe: observer(ctx), start: c.next.Add(1)}
		cl.tried = cl.room[:0]
		return c.guarded(ctx, cl)
	}
}

// guarded makes a call within the limits of the client.
func (c *Client) guarded(caller context.Context, cl *call) (any, error) {
	switch {
	case c.closed.Load():
		return nil, ErrClosed
	case caller.Err() != nil:
		return nil, bookgrpc.FromStatus(status.FromContextError(caller.Err()).Err())
	case !c.bulkhead.TryAcquirePermit():
		return nil, ErrBusy
	}
	defer c.bulkhead.ReleasePermit()
	if !c.breaker.allow() {
		return nil, ErrOpen
	}
	verdict := unknown // should an observer panic
	defer func() { c.breaker.done(verdict) }()

	timeout, _ := c.cfg.timeout()
	ctx, cancel := context.WithTimeout(caller, timeout)
	defer cancel()
	response, err := c.attempts(ctx, cl)
	if err != nil {
		err = c.explain(caller, ctx, cl.last, err)
	}
	verdict = judge(caller, err)
	return response, err
}

// attempts makes the first attempt and, only if that is to be retried, sets up failsafe's machinery for the others: most
// calls need none of it.
func (c *Client) attempts(ctx context.Context, cl *call) (any, error) {
	response, err := c.attempt(ctx, cl)
	if !retryable(err) || gone(ctx) {
		return response, err
	}
	made := true
	return c.retry.WithContext(ctx).Get(func() (any, error) {
		if made {
			made = false
			return response, err
		}
		return c.attempt(ctx, cl)
	})
}

func newRetry(cfg Config) failsafe.Executor[any] {
	return failsafe.With[any](retrypolicy.NewBuilder[any]().
		HandleIf(func(_ any, err error) bool { return retryable(err) }).
		WithMaxAttempts(cfg.RetryAttempts).
		WithBackoff(cfg.RetryBackoff, maxBackoff).
		WithJitterFactor(0.5).
		ReturnLastFailure().
		Build())
}

// attempt asks the next instance in turn that this call has not tried yet. When it has tried all there are, it may try
// them again.
func (c *Client) attempt(ctx context.Context, cl *call) (any, error) {
	for {
		endpoints, _ := c.endpointer.Endpoints() // has an error only if asked to forget instances, which ours is not
		for i := range uint64(len(endpoints)) {
			response, err := endpoints[(cl.start+i)%uint64(len(endpoints))](ctx, cl)
			if !errors.Is(err, errDeclined) {
				return response, err
			}
		}
		switch {
		case c.closed.Load():
			return nil, ErrClosed
		case len(cl.tried) == 0:
			return nil, ErrNoInstance
		}
		cl.tried = cl.tried[:0]
	}
}

// attempt makes one of a call's attempts at this instance, unless the call has been here or the instance is on its way
// out. It is the instance's endpoint.
func (in *instance) attempt(ctx context.Context, request any) (any, error) {
	cl := request.(*call)
	if slices.Contains(cl.tried, in) || !in.acquire() {
		return nil, errDeclined
	}
	defer in.release()
	cl.tried = append(cl.tried, in)
	done := cl.begin(in.addr)
	response, err := cl.of(&in.set)(ctx, cl.request)
	if err == nil {
		err = response.(endpoint.Failer).Failed()
	}
	done(err)
	cl.last = atInstance(in.addr, err)
	return response, cl.last
}

package client

import (
	"context"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	"github.com/go-kit/kit/endpoint"
	"google.golang.org/grpc/status"

	"bookservice/service/bookendpoint"
	"bookservice/service/bookgrpc"
)

// A call is the state of one call and its attempts.
type call struct {
	method     string
	endpointOf selector
	request    any
	observe    func(Attempt) // may be nil
	attempts
}

// A selector returns the endpoint of one method.
type selector func(*bookendpoint.Set) endpoint.Endpoint

// newEndpoint returns an endpoint that makes the calls of one method.
func (c *Client) newEndpoint(method string, endpointOf selector) endpoint.Endpoint {
	return func(ctx context.Context, request any) (any, error) {
		cl := &call{
			method: method, endpointOf: endpointOf, request: request,
			observe: observer(ctx),
		}
		return c.do(ctx, cl)
	}
}

// do makes a call within the client's limits: concurrency, circuit breaker, time.
func (c *Client) do(caller context.Context, cl *call) (any, error) {
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
	result := ignored // if an observer panics
	defer func() { c.breaker.record(result) }()

	timeout, _ := c.cfg.timeout()
	ctx, cancel := context.WithTimeout(caller, timeout)
	defer cancel()
	response, err := c.tryAll(ctx, cl)
	if err != nil {
		err = c.explain(caller, ctx, cl.latestErr(), err)
	}
	result = classify(caller, err)
	return response, err
}

// tryAll makes the attempts of a call. Most calls need only one, so the first attempt is made
// without failsafe's executor.
func (c *Client) tryAll(ctx context.Context, cl *call) (any, error) {
	response, err := c.tryNext(ctx, cl)
	if !retryable(err) || isDone(ctx) {
		return response, err
	}
	first := true
	return c.retry.WithContext(ctx).Get(func() (any, error) {
		if first {
			first = false
			return response, err
		}
		return c.tryNext(ctx, cl)
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

package client

import (
	"context"
	"sync"
	"time"

	"github.com/go-kit/kit/endpoint"
	"google.golang.org/grpc/status"

	"bookservice/service/bookendpoint"
	"bookservice/service/bookgrpc"
)

// A method is what the client knows about one method of the service.
type method struct {
	name       string
	endpointOf selector
	latency    latencies
}

// A selector returns the endpoint of one method.
type selector func(*bookendpoint.Set) endpoint.Endpoint

// A call is the state of one call and its attempts. It is the request of the instances' endpoints.
type call struct {
	*method
	client   *Client
	caller   context.Context
	deadline time.Time // of the caller or of the client's timeout
	request  any
	observe  func(Attempt) // may be nil
	denied   bool          // the budget has denied a retry at an instance that was not tried
	early    bool          // at the latest error, instances were connecting for the first time
	mixed    bool          // the instance of an attempt serves the method, and the attempt failed

	attempts

	mu      sync.Mutex // guards all below: two attempts can be active
	made    int        // attempts that count
	unsent  int        // attempts that do not count
	results []Attempt  // not yet observed
	main    *try
	began   time.Time     // of main
	hedge   *try          // nil unless the attempt main has been hedged
	hedgeAt time.Time     // zero: no hedge
	replace time.Time     // when the active attempts may be replaced; zero: never
	limit   time.Duration // of an attempt
	recheck time.Time     // when to look for a shorter limit; zero: not
	paid    bool          // the budget has permitted the next attempt already
	first   try           // part of the call's allocation

	returned bool // an attempt was made at an instance that the call had left
}

// newEndpoint returns an endpoint that makes the calls of one method.
func (c *Client) newEndpoint(name string, endpointOf selector) endpoint.Endpoint {
	m := &method{name: name, endpointOf: endpointOf}
	return func(ctx context.Context, request any) (any, error) {
		cl := &call{
			method: m, client: c, caller: ctx, request: request, observe: observer(ctx),
		}
		return c.do(cl)
	}
}

// do makes a call within the client's limits: concurrency, circuit breaker, time.
func (c *Client) do(cl *call) (any, error) {
	switch {
	case c.closed.Load():
		return nil, ErrClosed
	case cl.caller.Err() != nil:
		return nil, bookgrpc.FromStatus(status.FromContextError(cl.caller.Err()).Err())
	case !c.bulkhead.TryAcquirePermit():
		return nil, ErrBusy
	}
	defer c.bulkhead.ReleasePermit()
	permit, ok := c.breaker.allow()
	if !ok {
		return nil, ErrOpen
	}
	result := ignored // if an observer panics
	defer func() { c.breaker.record(permit, result) }()

	now := time.Now()
	timeout, _ := c.cfg.timeout()
	cl.deadline = now.Add(timeout)
	if d, ok := cl.caller.Deadline(); ok && d.Before(cl.deadline) {
		cl.deadline = d
	}
	c.budget.deposit(now)
	response, err := cl.run(now)
	if err != nil {
		err = cl.explain(err)
	}
	result = cl.classify(err, now)
	return response, err
}

// run makes the attempts of a call.
func (cl *call) run(now time.Time) (any, error) {
	for {
		response, err := cl.round(now)
		if err == nil {
			return response, nil
		}
		cl.early = cl.client.pool.balancer.Joining() // before hasUntried
		if !retryable(err) || cl.expired() {
			return response, err
		}
		delay, reason, ok := cl.next(err)
		switch {
		case reason != "":
			return response, bookgrpc.Wrap(err, err.Error()+reason)
		case !ok:
			return response, err
		}
		if err := cl.wait(delay); err != nil {
			return nil, err
		}
		now = time.Now()
	}
}

// wait waits between two attempts. It returns an error if the caller's context is done before.
func (cl *call) wait(delay time.Duration) error {
	if delay <= 0 {
		return nil
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-cl.caller.Done():
		return bookgrpc.FromStatus(status.FromContextError(cl.caller.Err()).Err())
	}
}

// expired reports whether the call must end: its context is done or its deadline has passed.
func (cl *call) expired() bool {
	return cl.caller.Err() != nil || !time.Now().Before(cl.deadline)
}

package client

import (
	"context"
	"errors"
	"math"
	"sync"
	"time"

	"github.com/go-kit/kit/endpoint"
	"google.golang.org/grpc/status"

	"bookservice/service/bookendpoint"
	"bookservice/service/bookgrpc"
	"bookservice/service/client/internal/balance"
)

// Latest errors of a call that ends before discovery has provided a list, or before an instance is
// connected.
var (
	errNoAnswer     = errors.New("discovery has provided no list")
	errNotConnected = errors.New("no instance is connected")
)

// attempts is what the attempts of a call share. They may be concurrent.
type attempts struct {
	mu      sync.Mutex
	tried   []*balance.Endpoint
	buf     [3]*balance.Endpoint // initial array of tried, part of the call's allocation
	returns bool                 // the next pick may be one that is tried, but not the latest
	lastErr error                // of the attempt that ended last
	aside   int                  // attempts whose instance is set aside
}

// pick returns an instance that the call has not tried, and marks it as tried. If the call has
// tried all instances, they count as not tried again. pick returns nil if there is no instance.
func (a *attempts) pick(b *balance.Balancer) *balance.Endpoint {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.tried == nil {
		a.tried = a.buf[:0]
	}
	now := b.Now()
	tried := a.tried
	if a.returns {
		tried, a.returns = a.latest(), false
	}
	e := b.Pick(now, tried)
	if e == nil && len(a.tried) > 0 {
		if e = b.Pick(now, nil); e != nil {
			a.tried = a.tried[:0]
		}
	}
	if e != nil {
		a.tried = append(a.tried, e)
	}
	return e
}

// pickOrWait does what pick does. If all instances are down, it returns one of them. If some are
// connecting, it returns a channel that is closed at the next change.
func (a *attempts) pickOrWait(b *balance.Balancer) (*balance.Endpoint, <-chan struct{}) {
	a.mu.Lock()
	defer a.mu.Unlock()
	e, changed := b.PickOrWait(b.Now(), a.tried)
	if e != nil {
		a.tried = append(a.tried, e)
	}
	return e, changed
}

// ended records the error of an attempt, which may be nil.
func (a *attempts) ended(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lastErr = err
}

// countAside counts an attempt whose instance is set aside.
func (a *attempts) countAside() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.aside++
}

// numAside returns the number of attempts whose instance is set aside.
func (a *attempts) numAside() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.aside
}

// latestErr returns the error of the attempt that ended last.
func (a *attempts) latestErr() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.lastErr
}

// hasUntried reports whether there is an instance that can be picked and that the call has not
// tried.
func (cl *call) hasUntried() bool { return cl.hasLessSilent(math.MaxInt64) }

// hasLessSilent is hasUntried for an instance that has been without a success for less than d.
func (cl *call) hasLessSilent(d time.Duration) bool {
	cl.attempts.mu.Lock()
	defer cl.attempts.mu.Unlock()
	return cl.client.hasOther(cl.tried, d)
}

func (c *Client) hasOther(tried []*balance.Endpoint, d time.Duration) bool {
	b := c.pool.balancer
	return b.HasOther(b.Now(), tried, d)
}

// mayReturn is hasLessSilent for any instance but the latest: the call may have tried it.
func (cl *call) mayReturn(d time.Duration) bool {
	cl.attempts.mu.Lock()
	defer cl.attempts.mu.Unlock()
	return cl.client.hasOther(cl.latest(), d)
}

// returnTo makes the next pick one of all instances but the latest.
func (a *attempts) returnTo() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.returns = true
}

// latest returns the instance that was picked last, in a slice. The caller must hold a.mu.
func (a *attempts) latest() []*balance.Endpoint { return a.tried[max(0, len(a.tried)-1):] }

// tryNext makes an attempt at an instance that this call has not tried. If the call has tried all
// instances, they count as not tried again. Attempts of a call may be made concurrently.
func (c *Client) tryNext(ctx context.Context, cl *call) (any, error) {
	in, err := c.acquire(ctx, cl)
	if err != nil {
		return nil, err
	}
	defer in.release()
	finish := cl.begin(in.addr)
	response, err := in.attempt(ctx, cl)
	finish(err)
	err = withInstance(in.addr, err)
	cl.ended(err)
	return response, err
}

// acquire returns the instance for the next attempt of a call. The caller must release it. While
// instances are connecting and none is up, acquire waits. It also waits for the first event of
// discovery.
func (c *Client) acquire(ctx context.Context, cl *call) (*instance, error) {
	b := c.pool.balancer
	answered := false // by discovery
	for {
		if c.closed.Load() {
			return nil, ErrClosed
		}
		e := cl.pick(b)
		if e == nil {
			var changed <-chan struct{}
			switch e, changed = cl.pickOrWait(b); {
			case e != nil: // since the pick
			case changed == nil && answered:
				return nil, ErrNoInstance
			case changed == nil:
				if err := cl.waitForDiscovery(ctx); err != nil {
					return nil, err
				}
				answered = true
				continue
			default:
				if err := cl.waitFor(ctx, changed, errNotConnected); err != nil {
					return nil, err
				}
				continue
			}
		}
		if in := e.Value.(*instance); in.acquire() {
			return in, nil
		}
	}
}

// waitForDiscovery waits until the pool has applied an event. At the end of the call's time it
// returns ErrNoInstance; the error is that of the caller's context if this is done.
func (cl *call) waitForDiscovery(ctx context.Context) error {
	err := cl.waitFor(ctx, cl.client.pool.answered, errNoAnswer)
	if err != nil && !isDone(cl.caller) {
		return bookgrpc.Wrap(ErrNoInstance, ErrNoInstance.Error()+": "+errNoAnswer.Error())
	}
	return err
}

// waitFor waits until the channel is closed. The error is that of the context, with its status.
// The reason is then the latest error of the call.
func (a *attempts) waitFor(ctx context.Context, changed <-chan struct{}, reason error) error {
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		a.ended(reason)
		return bookgrpc.WithStatus(status.FromContextError(ctx.Err()).Code(), ctx.Err())
	}
}

// attempt makes one attempt of a call, which the statistics of the instance count.
func (in *instance) attempt(ctx context.Context, cl *call) (response any, err error) {
	clock := in.pool.balancer
	start := clock.Now()
	in.endpoint.Begin(start)
	outcome := balance.Unknown // if the endpoint panics
	defer func() {
		end := clock.Now()
		setAside := in.endpoint.End(end, end-start, outcome)
		if outcome == balance.NotServed && in.endpoint.IsAside() {
			cl.countAside()
		}
		if setAside {
			in.pool.logger.Warn("instance does not serve the method and is set aside",
				"instance", in.addr, "method", cl.name, "err", err)
		}
	}()
	response, err = cl.endpointOf(&in.set)(ctx, cl.request)
	if err == nil {
		err = response.(endpoint.Failer).Failed()
	}
	outcome = outcomeOf(ctx, err)
	return response, err
}

// outcomeOf returns how the statistics of an instance count an attempt.
func outcomeOf(ctx context.Context, err error) balance.Outcome {
	switch {
	case err == nil || bookendpoint.IsBusiness(err):
		return balance.Success
	case errors.Is(err, context.Canceled) && ctx.Err() == context.Canceled:
		return balance.Unknown // by the caller, or because another attempt has succeeded
	case bookgrpc.NotServed(err):
		return balance.NotServed
	}
	return balance.Failure
}

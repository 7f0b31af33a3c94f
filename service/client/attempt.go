package client

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/go-kit/kit/endpoint"
)

// attempts is what the attempts of a call share. They may be concurrent.
type attempts struct {
	offset uint64 // index of the first instance to try, modulo the number of instances

	mu    sync.Mutex
	tried []*instance
	buf   [3]*instance // initial array of tried, part of the call's allocation
}

// claim reports whether the call may make an attempt at the instance: it has not tried it before,
// and the instance is not retired. If so, the caller must release the instance.
func (a *attempts) claim(in *instance) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if slices.Contains(a.tried, in) || !in.acquire() {
		return false
	}
	if a.tried == nil {
		a.tried = a.buf[:0]
	}
	a.tried = append(a.tried, in)
	return true
}

// forgetTried makes all instances count as not tried. It returns false if there is none.
func (a *attempts) forgetTried() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	some := len(a.tried) > 0
	a.tried = a.tried[:0]
	return some
}

// hasUntried reports whether discovery provides an instance that the call has not tried.
func (cl *call) hasUntried() bool {
	// Endpoints returns an error only with the option InvalidateOnError.
	endpoints, _ := cl.client.endpointer.Endpoints()
	cl.attempts.mu.Lock()
	defer cl.attempts.mu.Unlock()
	return len(endpoints) > len(cl.tried)
}

// tryNext makes an attempt at the next instance that this call has not tried. If the call has tried
// all instances, they count as not tried again.
func (c *Client) tryNext(ctx context.Context, cl *call) (any, error) {
	for {
		// Endpoints returns an error only with the option InvalidateOnError.
		endpoints, _ := c.endpointer.Endpoints()
		n := uint64(len(endpoints))
		for i := range n {
			response, err := endpoints[(cl.offset+i)%n](ctx, cl)
			if !errors.Is(err, errDeclined) {
				return response, err
			}
		}
		switch {
		case c.closed.Load():
			return nil, ErrClosed
		case !cl.forgetTried():
			return nil, ErrNoInstance
		}
	}
}

// attempt is the endpoint of an instance. It makes one attempt of a call. It returns errDeclined if
// the call has tried the instance before or if the instance is retired.
func (in *instance) attempt(ctx context.Context, request any) (any, error) {
	cl := request.(*call)
	if !cl.claim(in) {
		return nil, errDeclined
	}
	defer in.release()
	finish := cl.begin(in.addr)
	response, err := cl.endpointOf(&in.set)(ctx, cl.request)
	if err == nil {
		err = response.(endpoint.Failer).Failed()
	}
	finish(err)
	return response, withInstance(in.addr, err)
}

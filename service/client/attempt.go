package client

import (
	"context"
	"errors"
	"slices"

	"github.com/go-kit/kit/endpoint"
)

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
		case len(cl.tried) == 0:
			return nil, ErrNoInstance
		}
		cl.tried = cl.tried[:0]
	}
}

// attempt is the endpoint of an instance. It makes one attempt of a call. It returns errDeclined if
// the call has tried the instance before or if the instance is retired.
func (in *instance) attempt(ctx context.Context, request any) (any, error) {
	cl := request.(*call)
	if slices.Contains(cl.tried, in) || !in.acquire() {
		return nil, errDeclined
	}
	defer in.release()
	cl.tried = append(cl.tried, in)
	finish := cl.begin(in.addr)
	response, err := cl.endpointOf(&in.set)(ctx, cl.request)
	if err == nil {
		err = response.(endpoint.Failer).Failed()
	}
	finish(err)
	cl.lastErr = withInstance(in.addr, err)
	return response, cl.lastErr
}

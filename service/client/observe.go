package client

import (
	"context"
	"time"
)

// An Attempt describes one attempt of a call. Most calls need one attempt.
type Attempt struct {
	Method   string        // GetBookInfo or GetBookList
	Instance string        // host:port
	Err      error         // nil if the attempt succeeded
	Duration time.Duration // from its start to its result
}

type observerKey struct{}

// WithObserver returns a context for calls of a [Client]. The call passes each attempt to observe
// when the attempt has ended: in the order in which they end, in the caller's goroutine and before
// the call returns. If an attempt is hedged, both are passed when both have ended. observe replaces
// an observer that ctx has already. If observe is nil, attempts are not observed.
func WithObserver(ctx context.Context, observe func(Attempt)) context.Context {
	return context.WithValue(ctx, observerKey{}, observe)
}

// observer returns the observer in ctx, or nil.
func observer(ctx context.Context) func(Attempt) {
	observe, _ := ctx.Value(observerKey{}).(func(Attempt))
	return observe
}

func noObserver(error) {}

// begin records the start of an attempt. The caller must call finish with the attempt's error.
func (cl *call) begin(instance string) (finish func(error)) {
	if cl.observe == nil {
		return noObserver
	}
	start := time.Now()
	return func(err error) {
		cl.mu.Lock()
		defer cl.mu.Unlock()
		cl.results = append(cl.results, Attempt{
			Method: cl.name, Instance: instance, Err: err, Duration: time.Since(start),
		})
	}
}

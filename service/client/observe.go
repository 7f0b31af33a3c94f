package client

import (
	"context"
	"time"
)

// An Attempt is one of the attempts that a call consists of: usually there is one.
type Attempt struct {
	Method   string        // GetBookInfo or GetBookList
	Instance string        // host:port
	Err      error         // nil when the attempt succeeded
	Duration time.Duration // until the answer or the error
}

type observerKey struct{}

// WithObserver returns a context whose calls tell observe of each of their attempts when it has ended, in order, before
// the call returns, and on the caller's goroutine. It takes the place of an observer that ctx has already.
func WithObserver(ctx context.Context, observe func(Attempt)) context.Context {
	return context.WithValue(ctx, observerKey{}, observe)
}

func observer(ctx context.Context) func(Attempt) {
	observe, _ := ctx.Value(observerKey{}).(func(Attempt))
	return observe
}

func unobserved(error) {}

// begin notes that an attempt begins, and returns what is to be called at its end.
func (cl *call) begin(instance string) (done func(error)) {
	if cl.observe == nil {
		return unobserved
	}
	start := time.Now()
	return func(err error) {
		cl.observe(Attempt{Method: cl.method, Instance: instance, Err: err, Duration: time.Since(start)})
	}
}

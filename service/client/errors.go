package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"bookservice/service/bookendpoint"
	"bookservice/service/bookgrpc"
)

// Errors that the client itself returns. Each has a gRPC status.
var (
	// ErrNoInstance means that discovery provides no instance. Its code is Unavailable.
	ErrNoInstance = bookgrpc.WithStatus(codes.Unavailable,
		errors.New("no instance of the book service"))

	// ErrOpen means that the circuit breaker is open, because too many recent calls have failed.
	// Its code is Unavailable.
	ErrOpen = bookgrpc.WithStatus(codes.Unavailable,
		errors.New("circuit breaker is open: too many recent calls failed"))

	// ErrBusy means that Config.MaxConcurrent calls are active. Its code is ResourceExhausted.
	ErrBusy = bookgrpc.WithStatus(codes.ResourceExhausted, errors.New("too many concurrent calls"))

	// ErrClosed means that the client is closed. Its code is Canceled.
	ErrClosed = bookgrpc.WithStatus(codes.Canceled, errors.New("client is closed"))
)

// retryable reports whether another attempt, possibly at another instance, can succeed after err.
func retryable(err error) bool {
	if err == nil || errors.Is(err, ErrNoInstance) || errors.Is(err, ErrClosed) ||
		bookendpoint.IsBusiness(err) {
		return false
	}
	switch status.Code(err) {
	case codes.Unimplemented, codes.PermissionDenied, codes.Unauthenticated,
		codes.FailedPrecondition, codes.OutOfRange, codes.AlreadyExists:
		return false
	}
	return true
}

// classify returns the outcome of a call for the breaker. caller is the context of the call without
// the client's timeout.
func classify(caller context.Context, err error) outcome {
	switch {
	case err == nil || bookendpoint.IsBusiness(err):
		return succeeded
	case errors.Is(err, ErrNoInstance) || errors.Is(err, ErrClosed) || callerGone(caller, err):
		return ignored
	}
	return failed
}

// callerGone reports whether err is the caller's own cancellation or deadline.
func callerGone(caller context.Context, err error) bool {
	return isContextError(err) && isDone(caller)
}

// isContextError reports whether err is the error of a context, of the client or of the server.
func isContextError(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// isDone reports whether ctx is done or its deadline has passed. gRPC compares the deadline with
// the clock, so it can report the deadline before ctx.Err does.
func isDone(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ctx.Err() != nil || ok && time.Until(deadline) <= 0
}

// withInstance adds the address to the error of an attempt. Business errors stay as they are: every
// instance would return the same.
func withInstance(addr string, err error) error {
	if err == nil || bookendpoint.IsBusiness(err) {
		return err
	}
	return bookgrpc.WithStatus(status.Code(err), fmt.Errorf("%s: %w", addr, err))
}

// explain returns the error of a call whose last error is err. limited is the caller's context with
// the client's timeout. If limited has ended the call, explain adds the latest attempt's error,
// which is often the cause. It also adds the timeout, unless the caller's context is done too.
func (c *Client) explain(caller, limited context.Context, lastErr, err error) error {
	if !isContextError(err) || !isDone(limited) {
		return err
	}
	reason := cmp.Or(limited.Err(), context.DeadlineExceeded)
	code := status.FromContextError(reason).Code()
	if !isDone(caller) {
		timeout, flag := c.cfg.timeout()
		reason = fmt.Errorf("no response within %v (%s): %w", timeout, flag, reason)
	}
	if lastErr != nil {
		reason = fmt.Errorf("%w; latest attempt: %s", reason, lastErr.Error())
	}
	return bookgrpc.WithStatus(code, reason)
}

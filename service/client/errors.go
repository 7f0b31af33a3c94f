package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"bookservice/service/bookendpoint"
	"bookservice/service/bookgrpc"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// What a call ends with without having reached an instance.
var (
	// ErrNoInstance: discovery knows no instance. Its code is Unavailable.
	ErrNoInstance = bookgrpc.WithStatus(codes.Unavailable, errors.New("no instance of the book service"))

	// ErrOpen: the breaker is open, for too many calls have failed lately. Its code is Unavailable.
	ErrOpen = bookgrpc.WithStatus(codes.Unavailable, errors.New("breaker open: too many calls failed lately"))

	// ErrBusy: as many calls as are allowed are on their way. Its code is ResourceExhausted.
	ErrBusy = bookgrpc.WithStatus(codes.ResourceExhausted, errors.New("too many calls at once"))

	// ErrClosed: the client is closed. Its code is Canceled.
	ErrClosed = bookgrpc.WithStatus(codes.Canceled, errors.New("client is closed"))
)

// errDeclined is how an instance says that another one should be asked. It never leaves the package.
var errDeclined = errors.New("instance declines")

// retryable reports whether another attempt, which may be at another instance, can end better than err.
func retryable(err error) bool {
	if err == nil || err == ErrNoInstance || err == ErrClosed || bookendpoint.IsBusiness(err) {
		return false
	}
	switch status.Code(err) {
	case codes.Unimplemented, codes.PermissionDenied, codes.Unauthenticated, codes.FailedPrecondition, codes.OutOfRange,
		codes.AlreadyExists:
		return false
	}
	return true
}

// judge returns what the end of a call tells the breaker. caller is the context that the call was made with.
func judge(caller context.Context, err error) outcome {
	switch {
	case err == nil || bookendpoint.IsBusiness(err):
		return succeeded
	case err == ErrNoInstance || err == ErrClosed || ended(err) && gone(caller):
		return unknown
	}
	return failed
}

// ended reports whether err is that of a context that is done, here or at the server.
func ended(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// gone reports whether nobody waits for a call with this context any longer. gRPC goes by the clock, which may be ahead of
// the context's timer.
func gone(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ctx.Err() != nil || ok && time.Until(deadline) <= 0
}

// atInstance says where an attempt failed. An answer stays as it is: it does not matter who gave it.
func atInstance(addr string, err error) error {
	if err == nil || bookendpoint.IsBusiness(err) {
		return err
	}
	return bookgrpc.WithStatus(status.Code(err), fmt.Errorf("%s: %w", addr, err))
}

// explain gives a status to the error of a call that ran out of time or was cancelled, and says how its latest attempt
// went: that is the reason for it more often than not.
func (c *Client) explain(caller, limited context.Context, last, err error) error {
	if !ended(err) || !gone(limited) {
		return err
	}
	why := cmp.Or(limited.Err(), context.DeadlineExceeded)
	code := status.FromContextError(why).Code()
	if !gone(caller) {
		timeout, flag := c.cfg.timeout()
		why = fmt.Errorf("no answer within %v (%s): %w", timeout, flag, why)
	}
	if last != nil {
		why = fmt.Errorf("%w; latest attempt: %v", why, last)
	}
	return bookgrpc.WithStatus(code, why)
}

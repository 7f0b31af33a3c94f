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
		isFinal(err) {
		return false
	}
	delay, ok := bookgrpc.RetryDelay(err)
	if status.Code(err) == codes.ResourceExhausted {
		return ok && delay >= 0
	}
	return !ok || delay >= 0
}

// isFinal reports whether err ends a call: it is the same everywhere, and the instance serves the
// method.
func isFinal(err error) bool { return isSameEverywhere(err) && !bookgrpc.NotServed(err) }

// isSameEverywhere reports whether all instances of the service would return err for the same call.
func isSameEverywhere(err error) bool {
	if bookendpoint.IsBusiness(err) {
		return true
	}
	switch status.Code(err) {
	case codes.PermissionDenied, codes.Unauthenticated, codes.FailedPrecondition,
		codes.OutOfRange, codes.AlreadyExists:
		return true
	}
	return bookgrpc.IsCodecError(err)
}

// classify returns the outcome for the breaker of a call that began at a time.
func (cl *call) classify(err error, begin time.Time) outcome {
	switch {
	case err == nil || bookendpoint.IsBusiness(err):
		return succeeded
	case errors.Is(err, ErrNoInstance) || errors.Is(err, ErrClosed),
		callerGone(cl.caller, err), isSameEverywhere(err), bookgrpc.NotServed(err),
		cl.denied && cl.client.health.works(begin),
		cl.early && cl.client.health.excuses(begin),
		status.Code(err) == codes.ResourceExhausted:
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
	return bookgrpc.Wrap(err, addr+": "+err.Error())
}

// explain returns the error of a call whose last error is err. If the call's time has ended,
// explain adds the latest attempt's error, which is often the cause. It also adds the timeout,
// unless the caller's context is done too.
func (cl *call) explain(err error) error {
	if !isContextError(err) || !cl.expired() {
		return err
	}
	reason := cmp.Or(cl.caller.Err(), context.DeadlineExceeded)
	code := status.FromContextError(reason).Code()
	if !isDone(cl.caller) {
		timeout, flag := cl.client.cfg.timeout()
		reason = fmt.Errorf("no response within %v (%s): %w", timeout, flag, reason)
	}
	if latest := cl.latestErr(); latest != nil {
		reason = fmt.Errorf("%w; latest attempt: %s", reason, latest.Error())
	}
	return bookgrpc.WithStatus(code, reason)
}

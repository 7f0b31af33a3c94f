package bookgrpc

import (
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// An Error is an error with a gRPC status. Clients return it. It wraps the error that the status
// code stands for, such as [service.ErrNotFound], so [errors.Is] returns the same on the client as
// on the server. See [RetryDelay], [NotSent] and [NotServed] for what else a client's error
// contains.
type Error struct {
	st      *status.Status
	cause   error // may be nil
	retry   retryDelay
	notSent bool
	notGRPC bool // the answer is not gRPC, so the method was not executed
}

// WithStatus returns an [*Error] that wraps err. Its status has this code and the message of err.
func WithStatus(code codes.Code, err error) error {
	return &Error{st: status.New(code, err.Error()), cause: err}
}

// FromStatus converts an error of a gRPC call to an [*Error], whose message is that of the status.
// It returns nil for nil.
func FromStatus(err error) error {
	if err == nil {
		return nil
	}
	st, ok := status.FromError(err)
	if !ok {
		st = status.FromContextError(err)
	}
	e := &Error{st: st, cause: sentinel(st.Code()), retry: retryInfo(st)}
	if failed, ok := errors.AsType[*invokeError](err); ok {
		e.notSent, e.notGRPC = failed.notSent, failed.notGRPC
		if failed.pushback.known {
			e.retry = failed.pushback
		}
	}
	return e
}

// Wrap returns an [*Error] that wraps err and has another message. Its status has the code and the
// details of err, and [RetryDelay], [NotSent] and [NotServed] return the same as for err.
func Wrap(err error, message string) error {
	st := status.Convert(err).Proto()
	st.Message = message
	wrapped := &Error{st: status.FromProto(st), cause: err}
	if e, ok := errors.AsType[*Error](err); ok {
		wrapped.retry, wrapped.notSent, wrapped.notGRPC = e.retry, e.notSent, e.notGRPC
	}
	return wrapped
}

// Error returns the message of the status. If the message is empty, it returns the name of the
// code.
func (e *Error) Error() string {
	if message := e.st.Message(); message != "" {
		return message
	}
	return e.st.Code().String()
}

// GRPCStatus returns the status. [status.Code] and [status.FromError] call it.
func (e *Error) GRPCStatus() *status.Status { return e.st }

// Unwrap returns the error that e wraps, or nil.
func (e *Error) Unwrap() error { return e.cause }

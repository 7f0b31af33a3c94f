package bookgrpc

import (
	"context"
	"errors"

	"bookservice/service"
	"bookservice/service/bookendpoint"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Status returns what a client is told about err, nil for no error:
//
//	service.ErrNotFound         NotFound           err's own message
//	service.ErrInvalidArgument  InvalidArgument    err's own message
//	bookendpoint.ErrLimited     ResourceExhausted
//	bookendpoint.ErrTooLate     DeadlineExceeded
//	context.DeadlineExceeded    DeadlineExceeded
//	context.Canceled            Canceled
//	all else                    Internal           "internal error"
//
// An error that carries a status of its own keeps it. What is in the other errors' messages may be no client's business
// (addresses, queries), so it stays here.
func Status(err error) *status.Status {
	switch {
	case err == nil:
		return nil
	case errors.As(err, new(statusError)):
		return carried(err)
	case errors.Is(err, service.ErrNotFound):
		return status.New(codes.NotFound, err.Error())
	case errors.Is(err, service.ErrInvalidArgument):
		return status.New(codes.InvalidArgument, err.Error())
	case errors.Is(err, bookendpoint.ErrLimited):
		return status.New(codes.ResourceExhausted, bookendpoint.ErrLimited.Error())
	case errors.Is(err, bookendpoint.ErrTooLate):
		return status.New(codes.DeadlineExceeded, bookendpoint.ErrTooLate.Error())
	case errors.Is(err, context.DeadlineExceeded):
		return status.New(codes.DeadlineExceeded, context.DeadlineExceeded.Error())
	case errors.Is(err, context.Canceled):
		return status.New(codes.Canceled, context.Canceled.Error())
	}
	return status.New(codes.Internal, bookendpoint.ErrInternal.Error())
}

type statusError interface{ GRPCStatus() *status.Status }

func carried(err error) *status.Status {
	var e statusError
	errors.As(err, &e)
	if st := e.GRPCStatus(); st.Code() != codes.OK {
		return st
	}
	// An error is no success, whatever it says of itself.
	return status.New(codes.Internal, bookendpoint.ErrInternal.Error())
}

// cause is Status the other way: the error that a caller may ask for with errors.Is, nil when there is none.
func cause(code codes.Code) error {
	switch code {
	case codes.NotFound:
		return service.ErrNotFound
	case codes.InvalidArgument:
		return service.ErrInvalidArgument
	case codes.ResourceExhausted:
		return bookendpoint.ErrLimited
	case codes.DeadlineExceeded:
		return context.DeadlineExceeded
	case codes.Canceled:
		return context.Canceled
	case codes.Internal:
		return bookendpoint.ErrInternal
	}
	return nil
}

// serverFault reports whether a server's span with this code is an error: OpenTelemetry's semantic conventions for gRPC.
func serverFault(code codes.Code) bool {
	switch code {
	case codes.Unknown, codes.DeadlineExceeded, codes.Unimplemented, codes.Internal, codes.Unavailable, codes.DataLoss:
		return true
	}
	return false
}

// An Error is an error with a gRPC status, as clients get it. It unwraps to the error that the code stands for, such as
// [service.ErrNotFound], so that errors.Is gives the same answer on both sides of the wire.
type Error struct {
	st    *status.Status
	cause error
}

// WithStatus returns err with a gRPC status of this code and err's message. It is an [*Error] that unwraps to err.
func WithStatus(code codes.Code, err error) error {
	return &Error{st: status.New(code, err.Error()), cause: err}
}

// FromStatus returns the error that a gRPC call returned as an [*Error], whose message is the status's own. It returns nil
// for nil.
func FromStatus(err error) error {
	if err == nil {
		return nil
	}
	st, ok := status.FromError(err)
	if !ok {
		st = status.FromContextError(err)
	}
	return &Error{st: st, cause: cause(st.Code())}
}

// Error returns the status's message, or the name of its code when it has none.
func (e *Error) Error() string {
	if message := e.st.Message(); message != "" {
		return message
	}
	return e.st.Code().String()
}

// GRPCStatus returns the status. [status.Code] and [status.FromError] use it.
func (e *Error) GRPCStatus() *status.Status { return e.st }

// Unwrap returns what the error stands for, or nil.
func (e *Error) Unwrap() error { return e.cause }

package bookgrpc

import (
	"context"
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"bookservice/service"
	"bookservice/service/bookendpoint"
)

// Status returns the gRPC status that a client receives for err. It returns nil for nil.
//
//	error                       code               message
//	service.ErrNotFound         NotFound           of err
//	service.ErrInvalidArgument  InvalidArgument    of err
//	bookendpoint.ErrLimited     ResourceExhausted  of ErrLimited
//	bookendpoint.ErrTooLate     DeadlineExceeded   of ErrTooLate
//	context.DeadlineExceeded    DeadlineExceeded   of DeadlineExceeded
//	context.Canceled            Canceled           of Canceled
//	any other error             Internal           of bookendpoint.ErrInternal
//
// If err has a status of its own (a method GRPCStatus), Status returns that one. Messages of other
// errors can contain addresses or queries, so the client does not receive them.
//
// If err has a method RetryAfter() [time.Duration], which is not negative, the status also has the
// detail google.rpc.RetryInfo with that delay; see [NewServer].
func Status(err error) *status.Status { return withRetryInfo(statusOf(err), err) }

func statusOf(err error) *status.Status {
	switch {
	case err == nil:
		return nil
	case errors.As(err, new(statusError)):
		return ownStatus(err)
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

// statusError is an error with a gRPC status of its own.
type statusError interface{ GRPCStatus() *status.Status }

// ownStatus returns the status of an error that contains a statusError.
func ownStatus(err error) *status.Status {
	var e statusError
	errors.As(err, &e)
	if st := e.GRPCStatus(); st.Code() != codes.OK {
		return st
	}
	// An error must not become a success, so its status cannot be OK.
	return status.New(codes.Internal, bookendpoint.ErrInternal.Error())
}

// sentinel is the inverse of [Status]: it returns the error that code stands for, or nil if there
// is none.
func sentinel(code codes.Code) error {
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

// isServerFault reports whether a server's span with this status code is an error. The list is
// OpenTelemetry's (semantic conventions for gRPC).
func isServerFault(code codes.Code) bool {
	switch code {
	case codes.Unknown, codes.DeadlineExceeded, codes.Unimplemented, codes.Internal,
		codes.Unavailable, codes.DataLoss:
		return true
	}
	return false
}

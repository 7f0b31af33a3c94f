package bookgrpc

import (
	"context"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"bookservice/api/book"
	"bookservice/service/internal/listcodec"
)

// keyPushback is the trailer with the milliseconds until the next attempt (gRFC A6). A value that
// is negative or no number means that the client must not make another attempt.
const keyPushback = "grpc-retry-pushback-ms"

// A retryAfter is an error after which a client must wait before the next attempt. A negative delay
// means that the client must not make another attempt.
type retryAfter interface {
	error
	RetryAfter() time.Duration
}

// withRetryInfo adds the delay of err, if it has one, to the status.
func withRetryInfo(st *status.Status, err error) *status.Status {
	e, ok := errors.AsType[retryAfter](err)
	if !ok || e.RetryAfter() < 0 || retryInfo(st).known {
		return st
	}
	info := &errdetails.RetryInfo{RetryDelay: durationpb.New(e.RetryAfter())}
	if detailed, err := st.WithDetails(info); err == nil {
		return detailed
	}
	return st
}

// fail returns the error that gRPC sends for err. If err has a delay, fail adds the trailer with
// the milliseconds.
func fail(ctx context.Context, err error) error {
	if e, ok := errors.AsType[retryAfter](err); ok {
		// SetTrailer fails only if ctx is not that of a gRPC call, which then has no trailer.
		_ = grpc.SetTrailer(ctx, metadata.Pairs(keyPushback, pushbackValue(e.RetryAfter())))
	}
	return Status(err).Err()
}

// pushbackValue formats a delay in milliseconds, rounded up, as a signed 32-bit integer.
func pushbackValue(delay time.Duration) string {
	if delay < 0 {
		return "-1"
	}
	ms := delay.Milliseconds()
	if delay%time.Millisecond > 0 {
		ms++
	}
	return strconv.FormatInt(min(ms, math.MaxInt32), 10)
}

// A retryDelay is the server's decision about the next attempt.
type retryDelay struct {
	known bool          // the server has made a decision
	delay time.Duration // negative: no further attempt
}

// RetryDelay returns the server's decision about the next attempt of the call that failed with err.
// If ok is false, there is none. A negative delay means that the client must not make another
// attempt. The source is the trailer grpc-retry-pushback-ms (gRFC A6), which needs a connection
// with [DialOptions], or else the status detail google.rpc.RetryInfo.
func RetryDelay(err error) (delay time.Duration, ok bool) {
	e, isError := errors.AsType[*Error](err)
	if !isError {
		return 0, false
	}
	return e.retry.delay, e.retry.known
}

// NotSent reports whether the call that failed with err was not sent to a server, for example
// because there was no connection. It is false if this is not known: the connection must have
// [DialOptions].
func NotSent(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.notSent
}

// NotServed reports whether the call that failed with err was not executed because the server does
// not serve the method. Its code is Unimplemented, or the answer is that of a server of another
// protocol: HTTP with a status below 500, except for 429, and without the content type of gRPC.
// gRPC converts 401 to Unauthenticated and 403 to PermissionDenied. Such an answer is recognized if
// the connection has [DialOptions].
func NotServed(err error) bool {
	if status.Code(err) == codes.Unimplemented {
		return true
	}
	e, ok := errors.AsType[*Error](err)
	return ok && e.notGRPC
}

// IsCodecError reports whether the call that failed with err has a request or a response that
// cannot be encoded or decoded, such as a name that is not UTF-8. gRPC's client and server report
// this only by codes.Internal and the beginning of the message.
func IsCodecError(err error) bool {
	if status.Code(err) != codes.Internal {
		return false
	}
	for ; err != nil; err = errors.Unwrap(err) {
		message := status.Convert(err).Message()
		if strings.HasPrefix(message, "grpc: error while marshaling") ||
			strings.HasPrefix(message, "grpc: failed to unmarshal") {
			return true
		}
	}
	return false
}

// retryInfo returns the delay in the details of st.
func retryInfo(st *status.Status) retryDelay {
	for _, detail := range st.Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			return retryDelay{known: true, delay: max(0, info.GetRetryDelay().AsDuration())}
		}
	}
	return retryDelay{}
}

// pushback returns the delay in a call's trailer.
func pushback(trailer metadata.MD) retryDelay {
	values := trailer[keyPushback]
	if len(values) == 0 {
		return retryDelay{}
	}
	ms, err := strconv.ParseInt(values[0], 10, 32)
	if err != nil || ms < 0 || len(values) > 1 {
		return retryDelay{known: true, delay: -1}
	}
	return retryDelay{known: true, delay: time.Duration(ms) * time.Millisecond}
}

// An invokeError adds to the error of a call what gRPC reports by other means.
type invokeError struct {
	error
	notSent  bool
	notGRPC  bool
	pushback retryDelay
}

func (e *invokeError) Unwrap() error              { return e.error }
func (e *invokeError) GRPCStatus() *status.Status { return status.Convert(e.error) }

// newInterceptor returns an interceptor that sets the codec of lists, and converts the error of a
// call to an [*invokeError]. As a default option of the connection the codec would cost every call
// an allocation.
func newInterceptor() grpc.UnaryClientInterceptor {
	codec := grpc.ForceCodecV2(listcodec.New())
	return func(ctx context.Context, method string, request, reply any, conn *grpc.ClientConn,
		invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		if _, ok := reply.(*book.BookList); ok && !slices.ContainsFunc(opts, isSubtype) {
			opts = append([]grpc.CallOption{codec}, opts...) // a codec of the caller's is used
		}
		return reportInvoke(invoke(ctx, method, request, reply, conn, opts...), opts)
	}
}

// isSubtype reports whether opt chooses a codec by its name. A forced codec would be used instead.
func isSubtype(opt grpc.CallOption) bool {
	_, ok := opt.(grpc.ContentSubtypeCallOption)
	return ok
}

// reportInvoke converts the error of a call to an [*invokeError]. It reads header and trailer from
// the call's own options: go-kit's client has them, and does not pass those of a failed call on.
// gRPC sets the trailer of a call, possibly to an empty one, if it has opened a stream for it.
func reportInvoke(err error, opts []grpc.CallOption) error {
	if err == nil {
		return nil
	}
	var header, trailer metadata.MD
	reported := false
	for _, opt := range opts {
		switch o := opt.(type) {
		case grpc.HeaderCallOption:
			header = *o.HeaderAddr
		case grpc.TrailerCallOption:
			trailer, reported = *o.TrailerAddr, true
		}
	}
	if !reported {
		return err
	}
	return &invokeError{
		error: err, notSent: trailer == nil, notGRPC: isNotGRPC(err, header, trailer),
		pushback: pushback(trailer),
	}
}

// isNotGRPC reports whether err is an answer of HTTP that proves that no method was executed. A
// gateway sends 429 and those from 500 on for calls that may have been executed, or that it does
// not execute at present. The answer of a gRPC server has a content type, in the header or in a
// trailer without header, whatever its message is.
func isNotGRPC(err error, header, trailer metadata.MD) bool {
	if len(header["content-type"])+len(trailer["content-type"]) > 0 {
		return false
	}
	rest, ok := strings.CutPrefix(status.Convert(err).Message(),
		"unexpected HTTP status code received from server: ")
	return ok && rest != "" && rest[0] < '5' && !strings.HasPrefix(rest, "429")
}

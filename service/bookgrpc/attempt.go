package bookgrpc

import (
	"context"
	"errors"
	"strconv"
	"sync/atomic"

	"github.com/go-kit/kit/endpoint"
	"github.com/opentracing/opentracing-go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// keyPreviousAttempts is the metadata with the number of attempts of a call before this one (gRFC
// A6).
const keyPreviousAttempts = "grpc-previous-rpc-attempts"

// An Attempt describes one attempt of a call that is made several times. The endpoints of
// [NewClient] get it from the context; see [WithAttempt].
type Attempt struct {
	// Previous is the number of attempts of the call before this one. If it is more than 0, it is
	// sent in the metadata grpc-previous-rpc-attempts (gRFC A6).
	Previous int
	// Hedge is whether the attempt is made although an earlier one is still active.
	Hedge bool

	reason atomic.Pointer[error]
}

type attemptKey struct{}

// WithAttempt returns a context for one attempt.
func WithAttempt(ctx context.Context, a *Attempt) context.Context {
	return context.WithValue(ctx, attemptKey{}, a)
}

func attemptOf(ctx context.Context) *Attempt {
	a, _ := ctx.Value(attemptKey{}).(*Attempt)
	return a
}

// Abandon sets the error of an attempt whose context is about to be cancelled. The error replaces
// that of the cancellation; it must have a gRPC status. If its code is Canceled, the attempt has
// not failed: its span has no error but the tag attempt.cancelled with the error's message. Only
// the first call has an effect. Abandon may be called concurrently with the attempt.
func (a *Attempt) Abandon(reason error) { a.reason.CompareAndSwap(nil, &reason) }

// Abandoned returns the error of [Attempt.Abandon], or nil.
func (a *Attempt) Abandoned() error {
	if a == nil {
		return nil
	}
	if reason := a.reason.Load(); reason != nil {
		return *reason
	}
	return nil
}

// replaceCancellation returns the error of [Attempt.Abandon] instead of the cancellation that
// follows it.
func replaceCancellation(next endpoint.Endpoint) endpoint.Endpoint {
	return func(ctx context.Context, request any) (any, error) {
		response, err := next(ctx, request)
		if err != nil && errors.Is(ctx.Err(), context.Canceled) &&
			status.Code(err) == codes.Canceled {
			if reason := attemptOf(ctx).Abandoned(); reason != nil {
				return nil, reason
			}
		}
		return response, err
	}
}

// sendPreviousAttempts is go-kit's ClientRequestFunc for the attempt in the context.
func sendPreviousAttempts(ctx context.Context, md *metadata.MD) context.Context {
	if a := attemptOf(ctx); a != nil && a.Previous > 0 {
		(*md)[keyPreviousAttempts] = []string{strconv.Itoa(a.Previous)}
	}
	return ctx
}

// tagAttempt adds the tags of an attempt, which has ended with err, to its CLIENT span.
func tagAttempt(span opentracing.Span, a *Attempt, err error) {
	if a == nil {
		return
	}
	if a.Previous > 0 {
		span.SetTag(tagPreviousAttempts, a.Previous)
	}
	if a.Hedge {
		span.SetTag(tagHedge, true)
	}
	reason := a.Abandoned()
	if status.Code(reason) == codes.Canceled && errors.Is(err, reason) {
		span.SetTag(tagCancelled, reason.Error())
	}
}

// tagPreviousOf adds the number of attempts before this one to the SERVER span, if the client has
// sent it.
func tagPreviousOf(span opentracing.Span, md metadata.MD) {
	values := md[keyPreviousAttempts]
	if len(values) == 0 {
		return
	}
	if n, err := strconv.ParseUint(values[0], 10, 31); err == nil && n > 0 {
		span.SetTag(tagPreviousAttempts, int(n))
	}
}

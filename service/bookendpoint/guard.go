package bookendpoint

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/go-kit/kit/endpoint"
	"github.com/go-kit/kit/ratelimit"
	"golang.org/x/time/rate"
)

// What the guards end a call with.
var (
	// ErrLimited: the rate limit is reached, and the mode is [RateReject]. It is go-kit's [ratelimit.ErrLimited].
	ErrLimited = ratelimit.ErrLimited

	// ErrTooLate: the rate limit is reached, the mode is [RateDelay], and the call's turn comes after its deadline. It is
	// [context.DeadlineExceeded].
	ErrTooLate = fmt.Errorf("rate limit: its turn comes too late: %w", context.DeadlineExceeded)

	// ErrInternal: the server is at fault. It says no more, for it goes to clients; who returns it has logged the cause.
	ErrInternal = errors.New("internal error")
)

// Guards returns what stands between a server's transport and its service, from the outside inwards:
//
//  1. [Recover], so that a panic anywhere below is one call's error and not the server's end;
//  2. the rate limit as [Limit] makes it, so that what is rejected costs nothing more.
//
// The limiter is shared by all endpoints that the middleware wraps.
func Guards(c Config, logger *slog.Logger) endpoint.Middleware {
	return endpoint.Chain(Recover(logger), Limit(c))
}

// Limit returns the rate limit of a valid Config: one limiter, shared by all endpoints that the middleware wraps. A
// delayed call whose turn would come after its deadline ends at once with [ErrTooLate]; one that is cancelled while it
// waits ends with its context's error.
func Limit(c Config) endpoint.Middleware {
	limiter := rate.NewLimiter(rate.Every(c.RateEvery), c.RateBurst)
	switch c.RateMode {
	case RateReject:
		return ratelimit.NewErroringLimiter(limiter)
	case RateDelay:
		return ratelimit.NewDelayingLimiter(ratelimit.WaiterFunc(func(ctx context.Context) error {
			return turn(ctx, limiter)
		}))
	}
	return func(next endpoint.Endpoint) endpoint.Endpoint { return next }
}

// turn waits for a token. The limiter has an error of its own, a plain one, for a deadline that is too close.
func turn(ctx context.Context, limiter *rate.Limiter) error {
	err := limiter.Wait(ctx)
	if err == nil {
		return nil
	}
	if ctxErr := ctx.Err(); ctxErr != nil {
		return ctxErr
	}
	return ErrTooLate
}

// Recover returns a middleware that turns a panic below it into [ErrInternal], which does not tell what the panic was,
// and logs panic and stack at error level with the call's context.
func Recover(logger *slog.Logger) endpoint.Middleware {
	return func(next endpoint.Endpoint) endpoint.Endpoint {
		return func(ctx context.Context, request any) (response any, err error) {
			defer func() {
				if cause := recover(); cause != nil {
					logger.ErrorContext(ctx, "panic in a handler", "panic", fmt.Sprint(cause), "stack", string(debug.Stack()))
					response, err = nil, ErrInternal
				}
			}()
			return next(ctx, request)
		}
	}
}

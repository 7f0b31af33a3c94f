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

	"bookservice/service/internal/kitlog"
)

// Errors that the guards return.
var (
	// ErrLimited means that the call exceeds the rate limit and the mode is [RateReject]. It is
	// go-kit's [ratelimit.ErrLimited].
	ErrLimited = ratelimit.ErrLimited

	// ErrTooLate means that the mode is [RateDelay] and that the rate limit would delay the call
	// beyond its deadline. It wraps [context.DeadlineExceeded].
	ErrTooLate = fmt.Errorf("rate limit: delay exceeds the deadline: %w", context.DeadlineExceeded)

	// ErrInternal means that the server failed. Clients receive it, so it has no details. The
	// code that returns it must log the cause.
	ErrInternal = errors.New("internal error")
)

// Guards returns the middleware between a server's transport and its endpoints. From the outside
// inwards it consists of
//
//  1. [Recover], so that a panic fails one call and does not stop the server;
//  2. [Limit], so that a rejected call does no further work.
//
// All endpoints that the middleware wraps share one rate limit. The configuration must be valid.
// A nil logger discards all records.
func Guards(c Config, logger *slog.Logger) endpoint.Middleware {
	return endpoint.Chain(Recover(logger), Limit(c))
}

// Limit returns a middleware that limits the rate of calls. All endpoints that the middleware
// wraps share one limit. The configuration must be valid.
//
// In mode [RateDelay] a call that would be delayed beyond its deadline fails at once with
// [ErrTooLate]. A call that is cancelled during the delay fails with the error of its context.
func Limit(c Config) endpoint.Middleware {
	limiter := rate.NewLimiter(rate.Every(c.RateEvery), c.RateBurst)
	switch c.RateMode {
	case RateReject:
		return ratelimit.NewErroringLimiter(limiter)
	case RateDelay:
		wait := func(ctx context.Context) error { return waitForToken(ctx, limiter) }
		return ratelimit.NewDelayingLimiter(ratelimit.WaiterFunc(wait))
	}
	return func(next endpoint.Endpoint) endpoint.Endpoint { return next }
}

// waitForToken waits for a token of limiter. Wait returns an unexported error if the deadline is
// too close; waitForToken returns [ErrTooLate] instead.
func waitForToken(ctx context.Context, limiter *rate.Limiter) error {
	err := limiter.Wait(ctx)
	if err == nil {
		return nil
	}
	if ctxErr := ctx.Err(); ctxErr != nil {
		return ctxErr
	}
	return ErrTooLate
}

// Recover returns a middleware that recovers from panics. The call fails with [ErrInternal]. The
// value of the panic and the stack are logged at error level, with the context of the call. A nil
// logger discards the record.
func Recover(logger *slog.Logger) endpoint.Middleware {
	logger = kitlog.OrDiscard(logger)
	return func(next endpoint.Endpoint) endpoint.Endpoint {
		return func(ctx context.Context, request any) (response any, err error) {
			defer func() {
				if value := recover(); value != nil {
					logger.ErrorContext(ctx, "panic in handler", "panic", fmt.Sprint(value),
						"stack", string(debug.Stack()))
					response, err = nil, ErrInternal
				}
			}()
			return next(ctx, request)
		}
	}
}

package bookendpoint

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/go-kit/kit/endpoint"
	"github.com/go-kit/kit/ratelimit"

	"bookservice/service/internal/kitlog"
)

// Errors that the guards return.
var (
	// ErrLimited means that the call exceeds the rate limit, and that the mode is [RateReject] or
	// [Config.RateQueue] calls are delayed already. It is go-kit's [ratelimit.ErrLimited].
	//
	// The error that the guards return wraps ErrLimited and has a method RetryAfter, which returns
	// the time after which the limit allows one more call as a [time.Duration].
	ErrLimited = ratelimit.ErrLimited

	// ErrTooLate means that the mode is [RateDelay] and that the rate limit would delay the call
	// beyond its deadline. It wraps [context.DeadlineExceeded]. The error that the guards return
	// wraps ErrTooLate and has the method RetryAfter of [ErrLimited].
	ErrTooLate = fmt.Errorf("rate limit: delay exceeds the deadline: %w", context.DeadlineExceeded)

	// ErrInternal means that the server failed. Clients receive it, so it has no details. The
	// code that returns it must log the cause.
	ErrInternal = errors.New("internal error")
)

// Guards returns the middleware between a server's transport and its endpoints. From the outside
// inwards it consists of
//
//  1. [Recover], so that a panic fails one call and does not stop the server;
//  2. a [Limiter], so that a rejected call does no further work.
//
// All endpoints that the middleware wraps share one rate limit. The configuration must be valid.
// A nil logger discards all records.
func Guards(c Config, logger *slog.Logger) endpoint.Middleware {
	return endpoint.Chain(Recover(logger), NewLimiter(c, logger).Middleware)
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

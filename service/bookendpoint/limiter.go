package bookendpoint

import (
	"container/list"
	"context"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/go-kit/kit/endpoint"
	"golang.org/x/time/rate"
)

// A Limiter limits the rate of calls. Its methods may be called concurrently.
//
// In mode [RateDelay] the calls over the limit wait in a queue, in the order of their arrival. A
// call that is cancelled leaves the queue, and all calls behind it move up. The calls that wait
// share one timer.
//
// The first call that the limit rejects or delays is logged at warning level. Further ones are
// counted, and the counts are logged every 10 s, and by [Limiter.Report].
type Limiter struct {
	config Config
	bucket *rate.Limiter
	report *report

	mu      sync.Mutex
	waiting list.List // of chan struct{}; closing the channel grants the call
	spare   int       // tokens that were granted to calls that left
	armed   bool      // the timer is going to call grant
}

// RateStats are the counts of a [Limiter] since its creation.
type RateStats struct {
	Delayed  uint64 // calls that have waited, or wait, for the limit
	Rejected uint64 // calls that failed with [ErrLimited]
	TooLate  uint64 // calls that failed with [ErrTooLate]
	Left     uint64 // delayed calls that were cancelled
	Waiting  int    // calls that wait now
}

// NewLimiter returns a limiter. The configuration must be valid. A nil logger discards all records.
func NewLimiter(c Config, logger *slog.Logger) *Limiter {
	return &Limiter{
		config: c,
		bucket: rate.NewLimiter(rate.Every(c.RateEvery), c.RateBurst),
		report: newReport(c, logger),
	}
}

// Limit returns the middleware of a new [Limiter] that does not log.
func Limit(c Config) endpoint.Middleware { return NewLimiter(c, nil).Middleware }

// Middleware limits the rate of the calls of next. All endpoints that it wraps share one limit.
//
// A rejected call fails with [ErrLimited]. A call that would be delayed beyond its deadline fails
// at once with [ErrTooLate]. A call that is cancelled during the delay fails with the error of its
// context.
func (l *Limiter) Middleware(next endpoint.Endpoint) endpoint.Endpoint {
	if l.config.RateMode == RateOff {
		return next
	}
	return func(ctx context.Context, request any) (any, error) {
		if err := l.take(ctx); err != nil {
			return nil, err
		}
		return next(ctx, request)
	}
}

// Stats returns the current counts.
func (l *Limiter) Stats() RateStats {
	l.mu.Lock()
	waiting := l.waiting.Len()
	l.mu.Unlock()
	return l.report.stats(waiting)
}

// Report logs the counts of the calls that are not logged yet, if there are any: a server calls it
// when it stops.
func (l *Limiter) Report() { l.report.log(context.Background(), false) }

// take takes a token of the bucket, if need be after a delay.
func (l *Limiter) take(ctx context.Context) error {
	granted, err := l.enqueue(ctx)
	if err != nil || granted == nil {
		return err
	}
	select {
	case <-granted.Value.(chan struct{}):
		return nil
	case <-ctx.Done():
		l.leave(granted)
		return ctx.Err()
	}
}

// enqueue takes a token. If the bucket has none, enqueue adds the call to the queue and returns its
// element.
func (l *Limiter) enqueue(ctx context.Context) (*list.Element, error) {
	now := time.Now()
	l.mu.Lock()
	if l.waiting.Len() == 0 && l.allow(now) {
		l.mu.Unlock()
		return nil, nil
	}
	delay := l.delay(now, l.waiting.Len()+1)
	err := l.refuse(ctx, now, delay)
	var element *list.Element
	if err == nil {
		element = l.waiting.PushBack(make(chan struct{}))
		l.arm(now)
	}
	l.mu.Unlock()
	l.report.add(ctx, err)
	return element, err
}

// refuse returns the error of a call that cannot be delayed, or nil. The caller holds mu.
func (l *Limiter) refuse(ctx context.Context, now time.Time, delay time.Duration) error {
	if l.config.RateMode == RateReject {
		return limitedError{ErrLimited, delay}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if deadline, ok := ctx.Deadline(); ok && deadline.Sub(now) < delay {
		return limitedError{ErrTooLate, delay}
	}
	if l.waiting.Len() >= l.config.RateQueue {
		return limitedError{ErrLimited, delay}
	}
	return nil
}

// allow takes a token. The caller holds mu.
func (l *Limiter) allow(now time.Time) bool {
	if l.spare > 0 {
		l.spare--
		return true
	}
	return l.bucket.AllowN(now, 1)
}

// leave removes a cancelled call from the queue. If the call was granted at the same time, the next
// one is granted instead, which may be one that is not in the queue yet.
func (l *Limiter) leave(element *list.Element) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-element.Value.(chan struct{}):
		if l.grantFirst() {
			break
		}
		missing := float64(l.config.RateBurst) - l.bucket.TokensAt(time.Now())
		if float64(l.spare) < missing {
			l.spare++
		}
	default:
		l.waiting.Remove(element)
	}
	l.report.addLeft()
}

// delay returns the time until the bucket has had n more tokens. The caller holds mu.
func (l *Limiter) delay(now time.Time, n int) time.Duration {
	missing := float64(n) - l.bucket.TokensAt(now)
	return time.Duration(min(max(missing, 0)*float64(l.config.RateEvery), math.MaxInt64/2))
}

// arm starts the timer for the first call of the queue. The caller holds mu.
func (l *Limiter) arm(now time.Time) {
	if l.armed || l.waiting.Len() == 0 {
		return
	}
	l.armed = true
	time.AfterFunc(l.delay(now, 1), l.grant)
}

// grant gives the tokens of the bucket to the first calls of the queue.
func (l *Limiter) grant() {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	for l.waiting.Len() > 0 && l.bucket.AllowN(now, 1) {
		l.grantFirst()
	}
	l.armed = false
	l.arm(now)
}

// grantFirst grants the first call of the queue, if there is one. The caller holds mu.
func (l *Limiter) grantFirst() bool {
	first := l.waiting.Front()
	if first == nil {
		return false
	}
	l.waiting.Remove(first)
	close(first.Value.(chan struct{}))
	return true
}

// A limitedError is [ErrLimited] or [ErrTooLate] with the time after which a call is allowed.
type limitedError struct {
	error
	after time.Duration
}

func (e limitedError) Unwrap() error             { return e.error }
func (e limitedError) RetryAfter() time.Duration { return e.after }

package client

import (
	"math"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
)

// An outcome is what a call's end says about the service.
type outcome int

const (
	unknown outcome = iota // nothing: the caller went away, or there was nobody to ask
	succeeded
	failed
)

// A breaker is failsafe's circuit breaker with a threshold of its own. Failsafe rounds the share of failures to whole
// percents, so that a breaker for 1 % would open at 0.5 %; and to failsafe every call succeeds or fails, so that a
// caller's cancellation would close a breaker that is trying the service.
type breaker struct {
	cb      circuitbreaker.CircuitBreaker[any]
	percent float64
	min     uint
}

func newBreaker(cfg Config) *breaker {
	return &breaker{
		cb: circuitbreaker.NewBuilder[any]().
			WithFailureThresholdPeriod(math.MaxUint, cfg.BreakerWindow). // counts, and never opens by itself
			WithSuccessThreshold(1).
			WithDelay(cfg.BreakerOpen).
			Build(),
		percent: cfg.BreakerErrorPercent,
		min:     uint(cfg.BreakerMinRequests),
	}
}

// allow reports whether a call may be made. If so, done must be called at its end. After the breaker was open for its
// time it allows one call at a time, until one succeeds, which closes it, or fails, which opens it for as long again.
func (b *breaker) allow() bool { return b.cb.TryAcquirePermit() }

// done takes note of how a call ended.
func (b *breaker) done(o outcome) {
	switch o {
	case succeeded:
		b.cb.RecordSuccess()
	case failed:
		b.cb.RecordFailure()
	default:
		b.release()
		return
	}
	if b.exceeded() {
		b.cb.Open()
	}
}

func (b *breaker) exceeded() bool {
	counts := b.cb.Metrics()
	failures := counts.Failures()
	if failures == 0 || !b.cb.IsClosed() {
		return false
	}
	calls := counts.Executions()
	return calls >= b.min && 100*float64(failures) >= b.percent*float64(calls)
}

// release gives the one call that a half-open breaker allows to the next caller. There is no other way to give a permit
// back without a verdict than to enter the state again.
func (b *breaker) release() {
	if b.cb.IsHalfOpen() {
		b.cb.Open()
		b.cb.HalfOpen()
	}
}

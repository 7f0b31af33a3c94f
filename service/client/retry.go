package client

import (
	"fmt"
	"math/rand/v2"
	"time"

	"bookservice/service/bookgrpc"
)

const (
	// maxUnsent is the largest number of attempts of a call that do not count because they were not
	// sent, or because the instance does not serve the method and is not set aside.
	maxUnsent = 10

	// Limits of an attempt that is derived from the latency: before it is known, its smallest
	// value, and its multiple of the 99th percentile.
	firstLimit  = time.Second
	minLimit    = 40 * time.Millisecond
	limitFactor = 4

	// recheckAfter is when an attempt that began before the latency was known looks for it.
	recheckAfter = 50 * time.Millisecond

	// minLeft is the time that must be left for a further attempt if answers are faster.
	minLeft = time.Millisecond
)

// next decides about another attempt after an attempt that failed with err, which is retryable. It
// returns the delay before the attempt. If there is none, it returns ok false, and the reason
// unless it is the number of attempts.
func (cl *call) next(err error) (delay time.Duration, reason string, ok bool) {
	now := time.Now()
	cl.mu.Lock()
	defer cl.mu.Unlock()
	paid := cl.paid
	cl.paid = false
	notSent, notServed := bookgrpc.NotSent(err), bookgrpc.NotServed(err)
	// In this order: an instance that is up in between is an untried one.
	mustWait := notServed && cl.client.pool.balancer.MustWait()
	untried := cl.hasUntried()
	another := untried || mustWait
	if (notSent || notServed) && another && !paid && cl.unsent-cl.numAside() < maxUnsent {
		cl.unsent++
		cl.made--
		return 0, "", true
	}
	cl.mixed = cl.mixed || !notServed
	if !untried && !cl.mixed { // no instance serves the method
		return 0, "", false
	}
	cfg := &cl.client.cfg
	if cl.made >= cfg.RetryAttempts {
		return 0, "", false
	}
	if !paid {
		delay = backoff(cfg.RetryBackoff, cl.made)
	}
	if d, ok := bookgrpc.RetryDelay(err); ok {
		delay = d
	}
	if left := cl.deadline.Sub(now); left-cl.needed() < delay {
		return 0, fmt.Sprintf("; no retry: %v left", left.Round(time.Millisecond)), false
	}
	if !notSent && !paid && !cl.client.budget.take(now) {
		cl.denied = untried
		return 0, "; no retry: -retry-budget is used up", false
	}
	return delay, "", true
}

// backoff returns the delay after the n-th attempt: it doubles up to maxBackoff and has a jitter of
// ±50 %.
func backoff(base time.Duration, n int) time.Duration {
	d := base
	for i := 1; i < n && d < maxBackoff; i++ {
		d *= 2
	}
	d = min(d, maxBackoff)
	if d <= 0 {
		return 0
	}
	return d/2 + rand.N(d)
}

// needed returns the time that must be left for a further attempt: the fastest recent answer.
func (cl *call) needed() time.Duration {
	return max(minLeft, time.Duration(cl.latency.fastest.Load()))
}

// isLimitUnknown reports whether the limit of an attempt depends on the latency, which is not
// known.
func (cl *call) isLimitUnknown() bool {
	return cl.client.cfg.AttemptTimeout == 0 && cl.latency.p99.Load() == 0
}

// attemptLimit returns the time after which another attempt may replace an attempt or begin beside
// it, or 0 if there is none: the attempt is the only one. The caller must hold cl.mu.
func (cl *call) attemptLimit(now time.Time) time.Duration {
	cfg := &cl.client.cfg
	if cfg.RetryAttempts == 1 {
		return 0
	}
	further := cfg.RetryAttempts - cl.made
	p99 := time.Duration(cl.latency.p99.Load())
	limit := cfg.AttemptTimeout
	switch {
	case limit > 0:
	case p99 > 0:
		limit = max(minLimit, limitFactor*p99)
	default:
		limit = firstLimit
	}
	// Each attempt gets an equal share of what is left, but not less than most answers take.
	share := cl.deadline.Sub(now) / time.Duration(further+1)
	return min(limit, max(share, 2*p99, minLeft))
}

package client

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
)

// An outcome is the result of a call as the breaker counts it.
type outcome int

const (
	ignored   outcome = iota // not counted: the result says nothing about the service
	succeeded                // the service works
	failed                   // the service does not work
)

// A breaker is failsafe's circuit breaker with a different threshold and a third outcome. Failsafe
// rounds the failure rate to whole percents, so a breaker for 1 % would open at 0.5 %. Failsafe
// also requires every call to succeed or fail, so a call that its caller cancels would close a
// half-open breaker.
type breaker struct {
	cb       circuitbreaker.CircuitBreaker[any]
	percent  float64
	minCalls uint

	// counted tells whether failures may be counted. If none are, a success needs no look at the
	// counts, which takes as long as to count it.
	counted atomic.Bool

	opened atomic.Uint64 // how often it has opened
}

// recently is how long an answer shows that an instance works.
const recently = time.Second

// joinLimit is how long failures are not counted because instances are connecting for the first
// time. gRPC reports within 3 s that a connection cannot be made.
const joinLimit = 5 * time.Second

// A health tells whether a failure at one instance can be a failure of all.
type health struct {
	epoch time.Time
	last  atomic.Int64 // time of the latest answer, or of the start, in ns since epoch

	// Begin of the first call since the latest answer whose failure was not counted, in ns since
	// epoch. 0: none.
	excused atomic.Int64
}

func newHealth() *health { return &health{epoch: time.Now()} }

func (h *health) answered(now time.Time) {
	h.last.Store(int64(now.Sub(h.epoch)))
	if h.excused.Load() != 0 {
		h.excused.Store(0)
	}
}

// joined records that an instance is about to be used for the first time.
func (h *health) joined(now time.Time) { h.last.Store(int64(now.Sub(h.epoch))) }

// excuses reports whether the failure of a call is not counted because instances are connecting for
// the first time: up to joinLimit after the first such call since the latest answer.
func (h *health) excuses(begin time.Time) bool {
	now := max(1, int64(begin.Sub(h.epoch)))
	return h.excused.CompareAndSwap(0, now) || now-h.excused.Load() < int64(joinLimit)
}

// works reports whether, since a second before the begin of a call, another one was answered or an
// instance was used for the first time. In its first second a client has no failures of all
// instances. The end of the call does not matter: a process that has just been stopped for a second
// has had no answers meanwhile.
func (h *health) works(begin time.Time) bool {
	return begin.Sub(h.epoch)-time.Duration(h.last.Load()) < recently
}

func newBreaker(cfg Config) *breaker {
	b := &breaker{
		percent:  cfg.BreakerErrorPercent,
		minCalls: uint(cfg.BreakerMinRequests),
	}
	b.cb = circuitbreaker.NewBuilder[any]().
		WithFailureThresholdPeriod(math.MaxUint, cfg.BreakerWindow). // counts and never opens
		WithSuccessThreshold(1).
		WithDelay(cfg.BreakerOpen).
		OnOpen(func(circuitbreaker.StateChangedEvent) { b.opened.Add(1) }).
		Build()
	return b
}

// A permit is the number of times that a breaker had opened when it permitted a call.
type permit uint64

// allow reports whether a call is permitted. If it is, the caller must pass its outcome to record,
// with the permit. A breaker that has been open for Config.BreakerOpen is half-open: it permits one
// call at a time. A success closes it, and a failure opens it again.
func (b *breaker) allow() (permit, bool) {
	ok := b.cb.TryAcquirePermit()
	// Read afterwards: the number of a trial call must not be older, or its outcome were lost.
	return permit(b.opened.Load()), ok
}

// record counts the outcome of a permitted call, and opens the breaker at the threshold. It ignores
// a call from before the breaker has opened: calls that hang end when the servers may work again.
func (b *breaker) record(p permit, o outcome) {
	if p != permit(b.opened.Load()) {
		return
	}
	switch o {
	case succeeded:
		b.cb.RecordSuccess()
		if !b.counted.Load() {
			return
		}
	case failed:
		b.cb.RecordFailure()
		b.counted.Store(true)
	default:
		b.releasePermit()
		return
	}
	if b.thresholdReached() {
		b.cb.Open()
	}
}

// thresholdReached reports whether a closed breaker has to open.
func (b *breaker) thresholdReached() bool {
	// Before the counts are read: a failure that is counted meanwhile sets it again.
	b.counted.Store(false)
	counts := b.cb.Metrics()
	failures := counts.Failures()
	if failures > 0 {
		b.counted.Store(true)
	}
	if failures == 0 || !b.cb.IsClosed() {
		return false
	}
	calls := counts.Executions()
	return calls >= b.minCalls && 100*float64(failures) >= b.percent*float64(calls)
}

// releasePermit lets a half-open breaker permit another call. Failsafe releases a permit only with
// a success or a failure; entering the state again is the only other way.
func (b *breaker) releasePermit() {
	if b.cb.IsHalfOpen() {
		b.cb.Open()
		b.cb.HalfOpen()
	}
}

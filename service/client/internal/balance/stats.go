package balance

import (
	"math"
	"sync/atomic"
	"time"
)

const (
	// decay is the time constant of the latency's average.
	decay = 3 * time.Second

	// A failure counts as failureFactor times the median latency, and as maxFailureLatency at most.
	failureFactor     = 10
	maxFailureLatency = time.Second
)

// stats are the statistics of an address. Times are in ns since the balancer's start.
type stats struct {
	inFlight atomic.Int64
	latency  atomic.Uint64 // a float64 in ns; 0 before the end of the first call
	observed atomic.Int64  // when latency was last changed
	picked   atomic.Int64  // when it was last picked
	passed   atomic.Int64  // comparisons lost since it was due for a forced pick
	pending  atomic.Int64  // begin of the first call since the last success; 0: none
	waiting  atomic.Int64  // begin of the first call since the last answer; 0: none
	usual    atomic.Uint64 // latency before the first call without an answer ended; 0: none has

	successes, failures atomic.Uint64 // of the interval

	// Of all intervals before, and of the ejection. Balancer.mu guards them.
	totalSuccesses, totalFailures uint64
	ejected                       bool
	ejectedAt                     int64
	multiplier                    int // of the ejection's duration
}

func (s *stats) average() float64 { return math.Float64frombits(s.latency.Load()) }

// silence returns the time for which calls have had no success: until now or, if none is in flight,
// until the last one has ended.
func (s *stats) silence(now int64) int64 {
	begin := s.pending.Load()
	if begin == 0 {
		return 0
	}
	if s.inFlight.Load() == 0 {
		now = s.observed.Load()
	}
	return max(0, now-begin)
}

// observe adds the latency of a call to the average, and reports whether it is the first one.
func (s *stats) observe(now int64, latency float64) (first bool) {
	elapsed := float64(now - s.observed.Swap(now))
	for {
		old := s.latency.Load()
		next := latency
		if average := math.Float64frombits(old); average > latency {
			w := math.Exp(-max(0, elapsed) / float64(decay))
			next = average*w + latency*(1-w)
		}
		if s.latency.CompareAndSwap(old, math.Float64bits(max(next, 1))) {
			return old == 0
		}
	}
}

// wait returns the time for which calls have had no answer: until now or, if none is in flight,
// until the last one has begun or ended.
func (s *stats) wait(now int64) int64 {
	begin := s.waiting.Load()
	if begin == 0 {
		return 0
	}
	if s.inFlight.Load() == 0 {
		now = max(s.picked.Load(), s.observed.Load())
	}
	return max(0, now-begin)
}

// succeeded ends the silence and the wait.
func (s *stats) succeeded() {
	s.pending.Store(0)
	s.answered()
}

// answered ends the wait.
func (s *stats) answered() {
	s.waiting.Store(0)
	if s.usual.Load() != 0 {
		s.usual.Store(0)
	}
}

// usually returns the average latency of calls that have had an answer.
func (s *stats) usually() float64 {
	if usual := s.usual.Load(); usual != 0 {
		return math.Float64frombits(usual)
	}
	return s.average()
}

// takeInterval ends an interval and returns its counts.
func (s *stats) takeInterval() (successes, failures uint64) {
	successes, failures = s.successes.Swap(0), s.failures.Swap(0)
	s.totalSuccesses += successes
	s.totalFailures += failures
	return successes, failures
}

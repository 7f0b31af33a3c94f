package balance

import (
	"math"
	"sync/atomic"
	"time"
)

// A State is what is known about the connection to an endpoint.
type State int

// States of an endpoint.
const (
	Connecting State = iota // not known yet, or connecting again after a loss
	Up
	Down   // the last attempt to connect has failed
	Broken // it cannot be connected to and is never picked
)

// String returns the name of the state.
func (s State) String() string {
	return [...]string{"connecting", "up", "down", "broken"}[s]
}

// Attributes are what a list says about an endpoint beside its address.
type Attributes struct {
	Zone   string  // empty if it is not known
	Weight float64 // for the picker weighted: 0 or more
}

// An Endpoint is an address of the list. Its fields may be read concurrently, and its methods
// called.
type Endpoint struct {
	Address string
	Value   any // of the caller

	balancer *Balancer
	stats    *stats
	since    atomic.Int64  // begin of its ramp
	weight   atomic.Uint64 // a float64
	served   atomic.Int32  // unproven, proven or aside; Balancer.mu guards changes

	// Guarded by Balancer.mu.
	zone    string
	state   State
	ramped  bool // its ramp has begun
	joining bool // it connects for the first time
	set     *set // that it is in, or nil
	slot    int  // in set
}

// Weight returns the weight of the picker weighted.
func (e *Endpoint) Weight() float64 { return math.Float64frombits(e.weight.Load()) }

// Begin counts a call. The caller must call End at the call's end.
func (e *Endpoint) Begin(now time.Duration) {
	e.stats.inFlight.Add(1)
	e.stats.picked.Store(int64(now))
	if e.stats.pending.Load() == 0 {
		e.stats.pending.Store(max(int64(now), 1))
	}
	if e.stats.waiting.Load() == 0 {
		e.stats.waiting.Store(max(int64(now), 1))
	}
	if e.stats.passed.Load() != 0 {
		e.stats.passed.Store(0)
	}
}

// Silence returns the time for which calls have had no success: until now or, if none is in flight,
// until the last one has ended. It is 0 after a success.
func (e *Endpoint) Silence(now time.Duration) time.Duration {
	return time.Duration(e.stats.silence(int64(now)))
}

// An Outcome is how a call has ended.
type Outcome int

// Outcomes of a call.
const (
	Success   Outcome = iota
	Failure           // by the endpoint's fault
	Unknown           // the caller has cancelled it
	NotServed         // the endpoint does not serve the method, which was not executed
)

// End counts the outcome of a call and its latency. The latency of a call with an unknown outcome
// counts only if it is above the average. A call that is not served counts as a failure; if the
// endpoint has had no success on its connection, it is set aside, and End returns true.
func (e *Endpoint) End(now, took time.Duration, outcome Outcome) (setAside bool) {
	left := e.stats.inFlight.Add(-1)
	latency := float64(took)
	switch {
	case outcome == Success:
	case outcome != Unknown && took < minSilence:
		e.stats.answered()
	case e.stats.usual.Load() == 0:
		usual := e.stats.average()
		if usual == 0 { // none was answered yet
			usual = max(e.balancer.medianLatency(), 1)
		}
		e.stats.usual.Store(math.Float64bits(usual))
	}
	switch outcome {
	case Success:
		e.stats.successes.Add(1)
		e.stats.succeeded()
		if e.served.Load() != proven {
			e.balancer.prove(e)
		}
	case Failure, NotServed:
		e.stats.failures.Add(1)
		least := min(failureFactor*e.balancer.medianLatency(), float64(maxFailureLatency))
		latency = max(latency, least)
	case Unknown:
		if left == 0 {
			e.stats.pending.Store(0) // the call would perhaps have had a success
		}
		if latency <= e.stats.average() {
			return false
		}
	}
	if e.stats.observe(int64(now), latency) {
		e.balancer.updateMedian()
	}
	return outcome == NotServed && e.balancer.setAside(e)
}

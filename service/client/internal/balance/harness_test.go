package balance

import (
	"fmt"
	"testing"
	"time"
)

// A world is a balancer with endpoints that a test controls, and its clock.
type world struct {
	*Balancer
	now       time.Duration
	endpoints []*Endpoint
}

// newWorld returns a balancer with n endpoints that are up, after their ramp. Their addresses are
// their indexes.
func newWorld(c Config, n int) *world {
	if c.Picker == "" {
		c.Picker = P2C
	}
	w := &world{Balancer: New(c)}
	for i := range n {
		w.add(fmt.Sprint(i), Attributes{Weight: 1})
	}
	w.now = ramp
	w.swept = int64(w.now)
	return w
}

func (w *world) add(address string, a Attributes) *Endpoint {
	e := w.Add(w.now, address, nil, a)
	w.SetState(e, Up)
	w.endpoints = append(w.endpoints, e)
	return e
}

// SetState sets the state of an endpoint at the world's time.
func (w *world) SetState(e *Endpoint, s State) { w.Balancer.SetState(w.now, e, s) }

// call makes a call of a duration with an outcome, and advances the clock by step.
func (w *world) call(e *Endpoint, took, step time.Duration, o Outcome) {
	e.Begin(w.now)
	e.End(w.now+took, took, o)
	w.now += step
}

// run makes n calls. The duration and the outcome are those that behave returns. It returns the
// number of calls by address.
func (w *world) run(t *testing.T, n int, step time.Duration,
	behave func(*Endpoint) (time.Duration, Outcome)) map[string]int {
	t.Helper()
	calls := map[string]int{}
	for range n {
		e := w.Pick(w.now, nil)
		if e == nil {
			e, _ = w.PickOrWait(w.now, nil)
		}
		if e == nil {
			t.Fatal("have no endpoint")
		}
		calls[e.Address]++
		took, outcome := behave(e)
		w.call(e, took, step, outcome)
	}
	return calls
}

func quickly(*Endpoint) (time.Duration, Outcome) { return time.Millisecond, Success }

// within checks that have is want, with a tolerance that is a part of want.
func within(t *testing.T, what string, have int, want, tolerance float64) {
	t.Helper()
	if d := float64(have) - want; max(d, -d) > want*tolerance+1 {
		t.Errorf("%s: have %d, want %.0f ± %.0f%%", what, have, want, 100*tolerance)
	}
}

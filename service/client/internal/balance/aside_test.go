package balance

import (
	"slices"
	"testing"
	"time"
)

// notServed is the behaviour of a world in which some endpoints are of another service.
func notServed(w *world, n int) func(*Endpoint) (time.Duration, Outcome) {
	return func(e *Endpoint) (time.Duration, Outcome) {
		if slices.Contains(w.endpoints[:n], e) {
			return time.Millisecond, NotServed
		}
		return time.Millisecond, Success
	}
}

// With every picker, endpoints of another service get one call each, and then one test a second
// each, and five all together.
func TestEndpointsOfAnotherServiceAreSetAside(t *testing.T) {
	for _, name := range Names() {
		for _, wrong := range []int{1, 200} {
			w := newWorld(Config{Picker: name, Ejection: DefaultEjection()}, wrong+3)
			have := 0
			sum := func(calls map[string]int) (n int) {
				for _, e := range w.endpoints[:wrong] {
					n += calls[e.Address]
				}
				return n
			}
			for range 100 { // until each had a call
				have += sum(w.run(t, 1000, 10*time.Microsecond, notServed(w, wrong)))
			}
			if have < wrong || have > wrong+6 {
				t.Errorf("%s: have %d calls within 1s at %d endpoints", name, have, wrong)
			}
			w.now += time.Second
			have = sum(w.run(t, 10000, time.Millisecond, notServed(w, wrong))) // 10 s
			want := min(10*wrong, 50)
			within(t, name+": tests in 10s", have, float64(want), 0.2)
		}
	}
}

// An endpoint that is set aside is back after a success, and after it has connected anew.
func TestEndpointThatWasSetAsideIsBack(t *testing.T) {
	back := map[string]func(w *world, e *Endpoint){
		"success": func(w *world, e *Endpoint) { w.call(e, time.Millisecond, 0, Success) },
		"new connection": func(w *world, e *Endpoint) {
			w.SetState(e, Connecting)
			w.SetState(e, Up)
		},
	}
	for name, event := range back {
		w := newWorld(Config{Picker: RoundRobin}, 3)
		e := w.endpoints[0]
		w.call(e, time.Millisecond, 0, NotServed)
		if calls := w.run(t, 30, 0, quickly); calls["0"] != 0 {
			t.Errorf("%s: have %d calls of 30 while it is set aside, want 0", name, calls["0"])
		}
		event(w, e)
		if calls := w.run(t, 30, 0, quickly); calls["0"] != 10 {
			t.Errorf("%s: have %d calls of 30 afterwards, want 10", name, calls["0"])
		}
	}
}

// An endpoint that has served a method is not set aside; the call counts as a failure.
func TestEndpointThatServesAMethodIsNotSetAside(t *testing.T) {
	w := newWorld(Config{Picker: RoundRobin}, 3)
	e := w.endpoints[0]
	w.call(e, time.Millisecond, 0, Success)
	w.call(e, time.Millisecond, 0, NotServed)
	if calls := w.run(t, 30, 0, quickly); calls["0"] != 10 {
		t.Errorf("have %d calls of 30, want 10", calls["0"])
	}
	if have := w.Snapshot().Endpoints[0].Failures; have != 1 {
		t.Errorf("have %d failures, want 1", have)
	}
}

// If all that are up are set aside, one of them is picked, unless another one is down: then its
// error says more.
func TestEndpointsThatAreSetAsideArePickedLast(t *testing.T) {
	w := newWorld(Config{Picker: P2C}, 3)
	for _, e := range w.endpoints {
		w.call(e, time.Millisecond, 0, NotServed)
	}
	if e, _ := w.PickOrWait(w.now, w.endpoints[:2]); e != w.endpoints[2] {
		t.Errorf("have %v, want the one that is not tried", e)
	}
	if w.HasOther(w.now, nil, time.Hour) {
		t.Error("have another endpoint to try, want none")
	}
	w.SetState(w.endpoints[1], Down)
	if e, _ := w.PickOrWait(w.now, nil); e != w.endpoints[1] {
		t.Errorf("have %v, want the one that is down", e)
	}
	w.SetState(w.endpoints[0], Connecting)
	if e, changed := w.PickOrWait(w.now, nil); e != nil || changed == nil || !w.MustWait() {
		t.Errorf("have %v, want to wait for the one that is connecting", e)
	}
}

// Endpoints that are set aside do not count for ejections: good ones are not ejected for them.
func TestEndpointsThatAreSetAsideAreNotEjected(t *testing.T) {
	w := newWorld(Config{Picker: RoundRobin, Ejection: DefaultEjection()}, 23)
	w.run(t, 5000, 10*time.Millisecond, notServed(w, 20))
	if changes := w.Tick(w.now); len(changes) != 0 {
		t.Errorf("have %v, want no ejection", changes)
	}
	for _, e := range w.endpoints {
		w.Remove(e)
	}
	if w.aside.n.Load() != 0 || w.up != 0 || w.connecting.Load() != 0 || w.joining.Load() != 0 {
		t.Errorf("have %d aside, %d up, %d connecting and %d joining after all are removed, want 0",
			w.aside.n.Load(), w.up, w.connecting.Load(), w.joining.Load())
	}
}

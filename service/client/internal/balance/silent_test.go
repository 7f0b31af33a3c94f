package balance

import (
	"testing"
	"time"
)

// hanging behaves like endpoints of which the first n hang: their calls are replaced after 40 ms.
func (w *world) hanging(n int) func(*Endpoint) (time.Duration, Outcome) {
	hung := map[*Endpoint]bool{}
	for _, e := range w.endpoints[:n] {
		hung[e] = true
	}
	return func(e *Endpoint) (time.Duration, Outcome) {
		if hung[e] {
			return 40 * time.Millisecond, Failure
		}
		return time.Millisecond, Success
	}
}

// Endpoints that hang are tested about once a second, and get no other calls, also if they are most
// of the endpoints. When they answer again, they get calls again.
func TestHungEndpointsAreTestedOnly(t *testing.T) {
	for _, name := range Names() {
		for _, n := range []int{1, 2} {
			w := newWorld(Config{Picker: name}, 3)
			w.run(t, 1000, 10*time.Millisecond, quickly)
			behave := w.hanging(n)
			w.run(t, 500, 10*time.Millisecond, behave)
			calls, hung := w.run(t, 1000, 10*time.Millisecond, behave), 0
			for _, e := range w.endpoints[:n] {
				hung += calls[e.Address]
			}
			if hung < 4*n || hung > 11*n {
				t.Errorf("%s: have %d of 1000 calls in 10 s at %d that hang, want one a second",
					name, hung, n)
			}
			w.run(t, 1000, 10*time.Millisecond, quickly)
			calls = w.run(t, 3000, 10*time.Millisecond, quickly)
			within(t, name+": an endpoint that answers again", calls["0"], 1000, 0.2)
		}
	}
}

// An endpoint whose calls are all cancelled, because their hedges answer, is avoided like one whose
// calls are replaced.
func TestEndpointThatIsOutrunIsAvoided(t *testing.T) {
	for _, name := range Names() {
		w := newWorld(Config{Picker: name}, 3)
		w.run(t, 1000, 10*time.Millisecond, quickly)
		behave := func(e *Endpoint) (time.Duration, Outcome) {
			if e == w.endpoints[0] {
				return 3 * time.Millisecond, Unknown
			}
			return time.Millisecond, Success
		}
		w.run(t, 500, 10*time.Millisecond, behave)
		if n := w.run(t, 1000, 10*time.Millisecond, behave)["0"]; n > 11 {
			t.Errorf("%s: have %d of 1000 calls in 10 s at one that is outrun, want one a second",
				name, n)
		}
	}
}

// A zone whose endpoints hang keeps few of its calls, also in the first second.
func TestCallsLeaveAZoneThatHangsAtOnce(t *testing.T) {
	for _, name := range Names() {
		w := newWorld(Config{Picker: name, Zone: "a"}, 0)
		for i, zone := range []string{"a", "a", "b", "b"} {
			w.add(string(rune('0'+i)), Attributes{Zone: zone, Weight: 1})
		}
		w.now += ramp
		w.run(t, 1000, 10*time.Millisecond, quickly)
		calls := w.run(t, 100, 10*time.Millisecond, w.hanging(2))
		if n := calls["0"] + calls["1"]; n > 20 {
			t.Errorf("%s: have %d of the first 100 calls in a zone that hangs, want a few", name, n)
		}
	}
}

// Further attempts of a call do not go to an endpoint that hangs while there is another.
func TestFurtherAttemptAvoidsAHungEndpoint(t *testing.T) {
	for _, name := range Names() {
		w := newWorld(Config{Picker: name}, 3)
		w.run(t, 1000, 10*time.Millisecond, quickly)
		w.run(t, 500, 10*time.Millisecond, w.hanging(1))
		w.now += time.Minute
		w.endpoints[0].Begin(w.now - 10*time.Second)
		for range 1000 {
			if e := w.Pick(w.now, w.endpoints[1:2]); e != w.endpoints[2] {
				t.Fatalf("%s: have a further attempt at %s, which hangs", name, e.Address)
			}
		}
		if e := w.Pick(w.now, w.endpoints[1:]); e != w.endpoints[0] {
			t.Errorf("%s: have %v, want the only one that is not tried", name, e)
		}
	}
}

// The calls of an endpoint that hangs are distributed evenly to the others.
func TestHungEndpointHasNoNeighbour(t *testing.T) {
	for _, name := range Names() {
		w := newWorld(Config{Picker: name}, 5)
		behave := w.hanging(1)
		w.run(t, 1000, 10*time.Millisecond, behave)
		calls := w.run(t, 4000, 10*time.Millisecond, behave)
		for _, address := range []string{"1", "2", "3", "4"} {
			within(t, name+" "+address, calls[address], 1000, 0.2)
		}
	}
}

// If all endpoints of the client's zone hang, calls go to other zones.
func TestCallsLeaveAZoneThatHangs(t *testing.T) {
	for _, name := range Names() {
		w := newWorld(Config{Picker: name, Zone: "a"}, 0)
		for i, zone := range []string{"a", "a", "b", "b", "c"} {
			w.add(string(rune('0'+i)), Attributes{Zone: zone, Weight: 1})
		}
		w.now += ramp
		w.run(t, 1000, 10*time.Millisecond, quickly)
		behave := w.hanging(2)
		w.run(t, 500, 10*time.Millisecond, behave)
		calls := w.run(t, 1000, 10*time.Millisecond, behave)
		if n := calls["0"] + calls["1"]; n > 25 {
			t.Errorf("%s: have %d of 1000 calls in a zone that hangs, want one a second", name, n)
		}
	}
}

// Slow endpoints are not silent: round robin and zones stay as they are.
func TestSlowEndpointsAreNotSilent(t *testing.T) {
	slowly := func(*Endpoint) (time.Duration, Outcome) { return 500 * time.Millisecond, Success }
	w := newWorld(Config{Picker: RoundRobin, Zone: "a"}, 0)
	for i, zone := range []string{"a", "a", "b", "b"} {
		w.add(string(rune('0'+i)), Attributes{Zone: zone, Weight: 1})
	}
	w.run(t, 10, time.Second, slowly)
	for range 100 {
		first := w.Pick(w.now, nil)
		first.Begin(w.now)
		w.now += 450 * time.Millisecond
		for range 10 {
			if x, y := w.Pick(w.now, nil), w.Pick(w.now, nil); x == y || x.zone+y.zone != "aa" {
				t.Fatalf("have %s and %s, want the two of the zone in turn", x.Address, y.Address)
			}
		}
		w.now += 50 * time.Millisecond
		first.End(w.now, 500*time.Millisecond, Success)
	}
}

// One endpoint of many that answers is found.
func TestOneAnswersOfManyThatHang(t *testing.T) {
	for _, name := range Names() {
		w := newWorld(Config{Picker: name}, 40)
		behave := w.hanging(39)
		w.run(t, 3000, 10*time.Millisecond, behave)
		calls := w.run(t, 3000, 10*time.Millisecond, behave)
		if n := 3000 - calls["39"]; n > 160 {
			t.Errorf("%s: have %d of 3000 calls in 30 s at those that hang, want 5 a second",
				name, n)
		}
	}
}

// An endpoint that has never answered is silent after the first call that was replaced, however
// long that took: its latency is not known.
func TestEndpointThatHasNeverAnsweredIsSilent(t *testing.T) {
	w := newWorld(Config{Picker: RoundRobin}, 3)
	e := w.endpoints[0]
	for _, other := range w.endpoints[1:] {
		w.call(other, time.Millisecond, 0, Success)
	}
	w.call(e, 300*time.Millisecond, 300*time.Millisecond, Failure)
	if calls := w.run(t, 90, time.Millisecond, quickly); calls["0"] != 0 {
		t.Errorf("have %d of 90 calls at the endpoint, want 0", calls["0"])
	}
}

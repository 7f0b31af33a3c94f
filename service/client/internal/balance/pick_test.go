package balance

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bookservice/tracer/tracertest/testkit"
)

// Each picker distributes calls evenly to equal endpoints.
func TestEqualEndpointsGetEqualCalls(t *testing.T) {
	for _, name := range Names() {
		for _, n := range []int{1, 2, 3, 10} {
			w := newWorld(Config{Picker: name}, n)
			calls := w.run(t, 10_000, time.Millisecond, quickly)
			for _, e := range w.endpoints {
				what := fmt.Sprintf("%s, %d endpoints, %s", name, n, e.Address)
				within(t, what, calls[e.Address], 10_000/float64(n), 0.2)
			}
		}
	}
}

func TestPickWithoutEndpoints(t *testing.T) {
	for _, name := range Names() {
		for _, zone := range []string{"", "a"} {
			w := newWorld(Config{Picker: name, Zone: zone}, 0)
			if e := w.Pick(0, nil); e != nil {
				t.Errorf("%s: have %v, want none", name, e)
			}
			e := w.add("a", Attributes{Zone: "a"}) // the weight is 0
			if w.Pick(0, nil) != e || w.Pick(0, []*Endpoint{e}) != nil {
				t.Errorf("%s: have not the only endpoint, once", name)
			}
			w.Remove(e)
			w.SetState(e, Up)
			if e := w.Pick(0, nil); e != nil {
				t.Errorf("%s: have %v after its removal, want none", name, e)
			}
		}
	}
}

// A slow endpoint gets one call a second, for which it has to be compared a few times.
func TestSlowEndpointIsAvoided(t *testing.T) {
	w := newWorld(Config{}, 3)
	slow := w.endpoints[1]
	behave := func(e *Endpoint) (time.Duration, Outcome) {
		if e == slow {
			return 200 * time.Millisecond, Success
		}
		return time.Millisecond, Success
	}
	w.run(t, 100, 5*time.Millisecond, behave)
	calls := w.run(t, 2000, 5*time.Millisecond, behave)[slow.Address]
	if calls < 7 || calls > 11 {
		t.Errorf("have %d of 2000 calls in 10 s at the slow endpoint, want one a second", calls)
	}
	calls = w.run(t, 6000, 5*time.Millisecond, quickly)[slow.Address]
	if calls < 500 {
		t.Errorf("have %d of 6000 calls at the endpoint that is fast now, want about 2000", calls)
	}
}

// With more endpoints than calls a second, forced picks do not undo the choice of the better one.
func TestForcedPicksAreFew(t *testing.T) {
	w := newWorld(Config{}, 100)
	slow := map[*Endpoint]bool{}
	for _, e := range w.endpoints[:50] {
		slow[e] = true
	}
	behave := func(e *Endpoint) (time.Duration, Outcome) {
		if slow[e] {
			return 200 * time.Millisecond, Success
		}
		return time.Millisecond, Success
	}
	w.run(t, 2000, 100*time.Millisecond, behave)
	calls, n := w.run(t, 2000, 100*time.Millisecond, behave), 0
	for e := range slow {
		n += calls[e.Address]
	}
	if n > 1000*6/10+100 { // two slow ones are compared in a quarter of the calls
		t.Errorf("have %d of 2000 calls at the slow half, want at most 700", n)
	}
}

// The endpoint with fewer calls in flight is picked, also before any call has ended.
func TestCallsInFlightCount(t *testing.T) {
	w := newWorld(Config{}, 2)
	for i := range 100 {
		w.Pick(w.now, nil).Begin(w.now)
		x, y := w.endpoints[0].stats.inFlight.Load(), w.endpoints[1].stats.inFlight.Load()
		if d := x - y; i < 5 && max(d, -d) > 1 {
			t.Errorf("have %d and %d calls in flight", x, y)
		}
		if max(x, y) > 2*min(x, y)+1 {
			t.Errorf("have %d and %d calls in flight", x, y)
		}
	}
}

// A hung endpoint, which never ends a call, gets no more than two in flight while others are fast.
func TestHungEndpointIsAvoided(t *testing.T) {
	w := newWorld(Config{}, 3)
	for range 10_000 {
		e := w.Pick(w.now, nil)
		if e == w.endpoints[0] {
			e.Begin(w.now)
			w.now += time.Millisecond
			continue
		}
		w.call(e, time.Millisecond, time.Millisecond, Success)
	}
	if n := w.endpoints[0].stats.inFlight.Load(); n > 2 {
		t.Errorf("have %d calls in flight, want at most 2", n)
	}
}

// A hung endpoint is avoided also while its only neighbour is in its ramp.
func TestHungEndpointIsAvoidedBesideANewOne(t *testing.T) {
	w := newWorld(Config{}, 1)
	w.run(t, 100, time.Millisecond, quickly)
	hung, fresh := w.endpoints[0], w.add("new", Attributes{Weight: 1})
	for range 9000 { // 9 s
		e := w.Pick(w.now, nil)
		if e == hung {
			e.Begin(w.now)
			w.now += time.Millisecond
			continue
		}
		w.call(fresh, time.Millisecond, time.Millisecond, Success)
	}
	if n := hung.stats.inFlight.Load(); n > 15 {
		t.Errorf("have %d calls in flight, want at most 15: 1.5 times the tenth", n)
	}
}

// A hung endpoint is not preferred while the others are slower for a moment than the calls that it
// has failed, as on a machine that stalls.
func TestHungEndpointIsAvoidedInAStall(t *testing.T) {
	w := newWorld(Config{}, 3)
	w.run(t, 100, time.Millisecond, quickly)
	hung, took := w.endpoints[0], 40*time.Millisecond
	for range 5 { // probes, one a second
		hung.Begin(w.now)
		hung.End(w.now+took, took, Failure)
		w.now += time.Second
	}
	for _, e := range w.endpoints[1:] { // an answer after a stall, and calls that wait
		e.Begin(w.now)
		e.End(w.now+2*took, 2*took, Success)
		for range 5 {
			e.Begin(w.now)
		}
	}
	w.now += took
	for range 30 {
		w.Pick(w.now, nil).Begin(w.now)
	}
	if n := hung.stats.inFlight.Load(); n > 2 {
		t.Errorf("have %d calls in flight, want at most 2", n)
	}
	hung.End(w.now, time.Millisecond, Success)
	if have := hung.Silence(w.now + time.Second); have != 0 {
		t.Errorf("have a silence of %v after a success, want none", have)
	}
}

// A call that was cancelled is no silence: not even when the next call begins.
func TestCancelledCallIsNoSilence(t *testing.T) {
	w := newWorld(Config{}, 1)
	e := w.endpoints[0]
	w.call(e, time.Millisecond, time.Minute, Unknown)
	e.Begin(w.now)
	if have := e.Silence(w.now + time.Second); have != time.Second {
		t.Errorf("have a silence of %v, want 1s", have)
	}
}

// A further attempt goes to the better one of the endpoints that the call has not tried.
func TestFurtherAttemptAvoidsASlowEndpoint(t *testing.T) {
	w := newWorld(Config{}, 3)
	for _, e := range w.endpoints {
		w.call(e, time.Millisecond, 0, Success)
	}
	w.call(w.endpoints[1], 200*time.Millisecond, 0, Success)
	const calls = 3000
	slow := 0
	for range calls {
		if e := w.Pick(w.now, w.endpoints[:1]); e == w.endpoints[1] {
			slow++
		}
	}
	if slow > calls/20 {
		t.Errorf("have %d of %d attempts at the slow endpoint, want few", slow, calls)
	}
}

// An endpoint that fails fast attracts no calls.
func TestFastFailuresAttractNoCalls(t *testing.T) {
	w := newWorld(Config{}, 3)
	calls := w.run(t, 2000, 5*time.Millisecond, func(e *Endpoint) (time.Duration, Outcome) {
		if e == w.endpoints[0] {
			return time.Microsecond, Failure
		}
		return time.Millisecond, Success
	})
	if n := calls["0"]; n > 20 {
		t.Errorf("have %d of 2000 calls at the endpoint that fails, want about one a second", n)
	}
}

// A slow call raises the average at once, fast ones lower it with time, cancelled ones raise it.
func TestLatencyIsPeakSensitive(t *testing.T) {
	w := newWorld(Config{}, 1)
	e := w.endpoints[0]
	for _, step := range []struct {
		took, after time.Duration
		outcome     Outcome
		want        time.Duration
	}{
		{time.Millisecond, 0, Success, time.Millisecond},
		{101 * time.Millisecond, 0, Success, 101 * time.Millisecond},
		{time.Millisecond, 0, Success, 101 * time.Millisecond},
		{time.Millisecond, decay, Success, 37788 * time.Microsecond}, // 1 + 100/e
		{time.Millisecond, 20 * decay, Success, time.Millisecond},
		{time.Microsecond, time.Second, Unknown, time.Millisecond},
		{time.Second, 0, Unknown, time.Second},
	} {
		w.now += step.after
		e.Begin(w.now)
		e.End(w.now, step.took, step.outcome)
		have := time.Duration(e.stats.average())
		if d := have - step.want; max(d, -d) > 2*time.Microsecond {
			t.Errorf("after %v: have an average of %v, want %v", step.took, have, step.want)
		}
	}
}

// A new endpoint has the median latency, and a share that grows within 10 s.
func TestNewEndpointRamps(t *testing.T) {
	w := newWorld(Config{}, 4)
	w.run(t, 1000, time.Millisecond, quickly)
	e := w.add("new", Attributes{Weight: 1})
	if have := w.load(e, int64(w.now)); have != float64(time.Millisecond) {
		t.Errorf("have a load of %v, want the median", time.Duration(have))
	}
	first := w.run(t, 1000, time.Millisecond, quickly)["new"]
	w.now += ramp / 2
	half := w.run(t, 1000, time.Millisecond, quickly)["new"]
	w.now += ramp
	full := w.run(t, 10_000, time.Millisecond, quickly)["new"]
	if first < 5 || first > 50 || half < 70 || half > 190 {
		t.Errorf("have %d and %d of 1000 calls, want about 20 and 130", first, half)
	}
	within(t, "full share", full, 2000, 0.2)
}

// The ramp of an endpoint that cannot be connected to for long begins when it is up. A connection
// that is made again has no ramp.
func TestRampBeginsWhenTheEndpointIsUp(t *testing.T) {
	w := newWorld(Config{}, 4)
	w.run(t, 1000, time.Millisecond, quickly)
	e := w.Add(w.now, "late", nil, Attributes{Weight: 1})
	w.SetState(e, Down)
	w.now += ramp
	w.SetState(e, Up)
	if n := w.run(t, 1000, time.Millisecond, quickly)["late"]; n < 5 || n > 50 {
		t.Errorf("have %d of the first 1000 calls at the new endpoint, want about 20", n)
	}
	w.now += ramp
	w.SetState(e, Connecting)
	w.SetState(e, Up)
	n := w.run(t, 1000, time.Millisecond, quickly)["late"]
	within(t, "after a reconnection", n, 200, 0.3)
}

// New endpoints have equal loads.
func TestNewEndpointsAreEqual(t *testing.T) {
	w := newWorld(Config{}, 4)
	w.now = 5 * time.Second
	for address, calls := range w.run(t, 4000, time.Microsecond, quickly) {
		within(t, address, calls, 1000, 0.2)
	}
}

// The weight 0 gets no first attempt, also if callers take each other's turns.
func TestWeightZeroConcurrently(t *testing.T) {
	testkit.Slow(t)
	w := newWorld(Config{Picker: Weighted}, 0)
	only := w.add("only", Attributes{Weight: 1})
	for i := range 50 {
		w.add(fmt.Sprint(i), Attributes{})
	}
	var wrong atomic.Int64
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			for range 100_000 {
				if w.Pick(w.now, nil) != only {
					wrong.Add(1)
				}
			}
		})
	}
	callers.Wait()
	if n := wrong.Load(); n > 0 {
		t.Errorf("have %d of 80,000 picks of an endpoint with the weight 0, want none", n)
	}
}

// Calls are distributed by weight within 1 %, and interleaved. The weight 0 gets none.
func TestWeights(t *testing.T) {
	weights := []float64{1, 2, 0, 3.5, 10}
	w := newWorld(Config{Picker: Weighted}, 0)
	for i, weight := range weights {
		w.add(fmt.Sprint(i), Attributes{Weight: weight})
	}
	check := func(sum float64) {
		t.Helper()
		calls := w.run(t, 33_000, time.Millisecond, quickly)
		for i, weight := range weights {
			what := fmt.Sprintf("weight %v", weight)
			within(t, what, calls[fmt.Sprint(i)], 33_000*weight/sum, 0.01)
		}
	}
	check(16.5)
	longest, run := 0, 0
	for range 1000 {
		if run++; w.Pick(w.now, nil).Address != "4" {
			run = 0
		}
		longest = max(longest, run)
	}
	if longest > 4 {
		t.Errorf("have %d calls in a row at one endpoint, want at most 4", longest)
	}
	weights[4] = 3.5
	w.SetAttributes(w.endpoints[4], Attributes{Weight: 3.5})
	check(10)
}

func TestAllWeightsZero(t *testing.T) {
	w := newWorld(Config{Picker: Weighted}, 0)
	w.add("a", Attributes{})
	w.add("b", Attributes{})
	calls := w.run(t, 1000, time.Millisecond, quickly)
	within(t, "a", calls["a"], 500, 0.3)
	within(t, "b", calls["b"], 500, 0.3)
}

// The further attempts of calls that an endpoint fails are distributed evenly to the others.
func TestFurtherAttemptsHaveNoNeighbour(t *testing.T) {
	for _, name := range Names() {
		w := newWorld(Config{Picker: name}, 5)
		calls := map[string]int{}
		for range 4000 {
			e := w.Pick(w.now, w.endpoints[2:3])
			calls[e.Address]++
			w.call(e, time.Millisecond, time.Millisecond, Success)
		}
		for _, address := range []string{"0", "1", "3", "4"} {
			within(t, name+" "+address, calls[address], 1000, 0.2)
		}
		if w.Pick(w.now, w.endpoints) != nil {
			t.Errorf("%s: have an endpoint after all are tried", name)
		}
	}
}

// A pick and the statistics of a call allocate nothing.
func TestPickAllocatesNothing(t *testing.T) {
	if testkit.WithoutRaceDetector(t) {
		return
	}
	for _, name := range Names() {
		w := filled(Config{Picker: name, Zone: "a"}, 100)
		tried := []*Endpoint{w.Pick(ramp, nil)}
		n := testing.AllocsPerRun(1000, func() {
			e := w.Pick(ramp, nil)
			e.Begin(ramp)
			e.End(ramp, time.Millisecond, Success)
			w.Pick(ramp, tried)
		})
		if n != 0 {
			t.Errorf("%s: have %v allocations, want 0", name, n)
		}
	}
}

// A question whether there is another endpoint changes no pick.
func TestHasOtherChangesNothing(t *testing.T) {
	w := newWorld(Config{Picker: RoundRobin}, 3)
	first := w.Pick(w.now, nil)
	for range 5 {
		if !w.HasOther(w.now, w.endpoints[:2], time.Hour) ||
			w.HasOther(w.now, w.endpoints, time.Hour) {
			t.Fatal("want another endpoint if one of three is not tried")
		}
	}
	second, third := w.Pick(w.now, nil), w.Pick(w.now, nil)
	if first == second || second == third || first == third {
		t.Errorf("have picks of %s, %s and %s, want three endpoints",
			first.Address, second.Address, third.Address)
	}
}

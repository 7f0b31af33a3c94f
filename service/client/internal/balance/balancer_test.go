package balance

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"bookservice/tracer/tracertest/testkit"
)

// Endpoints that are down are not picked while one is up. While none is up and some are connecting,
// a caller waits.
func TestEndpointsThatAreDown(t *testing.T) {
	for _, name := range Names() {
		w := newWorld(Config{Picker: name}, 4)
		for _, e := range w.endpoints[1:] {
			w.SetState(e, Down)
		}
		calls := w.run(t, 100, time.Millisecond, quickly)
		if calls["0"] != 100 {
			t.Errorf("%s: have %v, want all calls at 0", name, calls)
		}
		if e := w.Pick(w.now, w.endpoints[:1]); e != nil {
			t.Errorf("%s: have %s for a call that has tried 0, want none", name, e.Address)
		}

		w.SetState(w.endpoints[0], Connecting)
		e, changed := w.PickOrWait(w.now, nil)
		if e != nil || changed == nil || w.Pick(w.now, nil) != nil {
			t.Errorf("%s: have %v while an endpoint is connecting, want none", name, e)
		}
		select {
		case <-changed:
			t.Errorf("%s: have a change, want none", name)
		default:
		}
		w.SetState(w.endpoints[0], Down)
		select {
		case <-changed:
		default:
			t.Errorf("%s: have no change after the last endpoint is down", name)
		}
		calls = w.run(t, 4000, time.Millisecond, quickly)
		for address, n := range calls {
			within(t, name+", all are down, "+address, n, 1000, 0.2)
		}
		for _, e := range w.endpoints {
			w.SetState(e, Broken)
		}
		if e, changed := w.PickOrWait(w.now, nil); e != nil || changed != nil {
			t.Errorf("%s: have %v, want no endpoint and no wait if all are broken", name, e)
		}
	}
}

// The others share the calls of an endpoint that is down evenly.
func TestDownEndpointHasNoNeighbour(t *testing.T) {
	for _, name := range Names() {
		w := newWorld(Config{Picker: name}, 5)
		w.SetState(w.endpoints[1], Down)
		calls := w.run(t, 8000, time.Millisecond, quickly)
		for _, address := range []string{"0", "2", "3", "4"} {
			within(t, name+" "+address, calls[address], 2000, 0.2)
		}
	}
}

// An address that leaves and comes back has its statistics.
func TestStatisticsSurviveChangesOfTheList(t *testing.T) {
	w := newWorld(Config{}, 3)
	slow := w.endpoints[0]
	w.call(slow, time.Second, 0, Success)
	slow.Begin(w.now) // still in flight when it leaves
	for range 3 {
		w.Remove(slow)
		w.run(t, 100, time.Millisecond, quickly)
		slow = w.add("0", Attributes{Weight: 1})
	}
	s := w.Snapshot().Endpoints[0]
	if s.Latency != time.Second || s.InFlight != 1 || s.Successes != 1 {
		t.Errorf("have %+v, want a latency of 1s, one call in flight, one success", s)
	}
	if n := w.run(t, 100, time.Millisecond, quickly)["0"]; n > 1 {
		t.Errorf("have %d of 100 calls at the slow endpoint", n)
	}
}

// The statistics of addresses that have left are bounded. The latest are kept.
func TestDepartedStatisticsAreBounded(t *testing.T) {
	w := newWorld(Config{}, 0)
	for range 3 { // an address that comes back takes no second place
		w.Remove(w.add("stays", Attributes{}))
	}
	for i := range 3 * maxDeparted {
		e := w.add(fmt.Sprint("host", i), Attributes{})
		w.call(e, time.Second, 0, Success)
		w.Remove(e)
	}
	if len(w.departed) != maxDeparted || w.departure.Len() != maxDeparted {
		t.Errorf("have %d and %d, want %d", len(w.departed), w.departure.Len(), maxDeparted)
	}
	for i, known := range map[int]bool{0: false, 2*maxDeparted - 1: false, 2 * maxDeparted: true} {
		e := w.add(fmt.Sprint("host", i), Attributes{})
		if have := e.stats.average() > 0; have != known {
			t.Errorf("host%d is known: have %v, want %v", i, have, known)
		}
	}
}

// Picks are correct while the list changes. The race detector checks the rest.
func TestPicksDuringChanges(t *testing.T) {
	for _, c := range []Config{
		{Picker: P2C, Ejection: DefaultEjection()}, {Picker: RoundRobin}, {Picker: Random},
		{Picker: Weighted}, {Picker: Weighted, Zone: "a"}, {Picker: P2C, Zone: "b"},
	} {
		w := newWorld(c, 0)
		w.add("stays", Attributes{Weight: 1, Zone: "a"})
		stop := make(chan struct{})
		var callers sync.WaitGroup
		for range 4 {
			callers.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					now := w.Now()
					e := w.Pick(now, nil)
					if e == nil {
						t.Error("have no endpoint")
						return
					}
					e.Begin(now)
					e.End(w.Now(), time.Microsecond, Outcome(now%3))
				}
			})
		}
		for i := range 300 {
			var added []*Endpoint
			for k := range 1 + i%20 {
				a := Attributes{Weight: float64(k % 4), Zone: string(rune('a' + k%3))}
				added = append(added, w.Add(w.Now(), fmt.Sprint(k), nil, a))
			}
			for k, e := range added {
				w.SetState(e, State((i+k)%4))
				w.SetAttributes(e, Attributes{Weight: float64((i + k) % 3), Zone: "b"})
			}
			w.Tick(w.Now())
			w.Snapshot()
			for _, e := range added {
				w.Remove(e)
			}
		}
		close(stop)
		callers.Wait()
	}
}

// A change of one endpoint among 1,000 copies no list. The change here is an addition, a connection
// and a removal.
func TestCostOfOneChange(t *testing.T) {
	w := filled(Config{Picker: P2C}, 1000)
	r := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			e := w.Add(ramp, "new", nil, Attributes{Weight: 1})
			w.SetState(ramp, e, Up)
			w.Remove(e)
		}
	})
	t.Log(r, r.MemString())
	if r.AllocedBytesPerOp() > 1000 || r.NsPerOp() > 20_000 && !testkit.RaceDetector {
		t.Errorf("have %v and %d bytes, want 20µs and 1,000 bytes or less",
			time.Duration(r.NsPerOp()), r.AllocedBytesPerOp())
	}
}

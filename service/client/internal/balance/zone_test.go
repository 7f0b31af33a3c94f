package balance

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// The rule is Envoy's, with an equal number of calls in each zone.
func TestShares(t *testing.T) {
	for _, tt := range []struct {
		name       string
		capacities []float64
		local      int
		want       []float64
	}{
		{"one zone", []float64{3}, 0, []float64{1}},
		{"equal zones", []float64{3, 3, 3}, 1, []float64{0, 1, 0}},
		{"more than its share", []float64{1, 4, 1}, 1, []float64{0, 1, 0}},
		// A fair part is 4. Half of the local calls fit; only the third zone has a surplus.
		{"less than its share", []float64{2, 4, 6}, 0, []float64{0.5, 0, 0.5}},
		{"two with a surplus", []float64{1, 2, 3}, 0, []float64{0.5, 0, 0.5}},
		{"surplus in proportion", []float64{0, 5, 7}, 0, []float64{0, 1. / 4, 3. / 4}},
		{"local zone without capacity", []float64{0, 3, 3}, 0, []float64{0, 0.5, 0.5}},
		{"no instance has the zone", []float64{1, 3}, -1, []float64{0.25, 0.75}},
		{"nothing is up", []float64{0, 0}, 0, []float64{0, 0}},
	} {
		have := shares(tt.capacities, tt.local)
		if diff := cmp.Diff(tt.want, have, cmpopts.EquateApprox(0, 1e-9)); diff != "" {
			t.Errorf("%s (-want +have):\n%s", tt.name, diff)
		}
	}
}

// byZone adds up calls by the first letter of the address.
func byZone(calls map[string]int) map[string]int {
	sum := map[string]int{}
	for address, n := range calls {
		sum[address[:1]] += n
	}
	return sum
}

// Calls stay in the client's zone. What its capacity is too small for, because instances are down
// or ejected, spills over to zones with a surplus, and comes back.
func TestZonesSpillByCapacity(t *testing.T) {
	for _, name := range Names() {
		w := newWorld(Config{Picker: name, Zone: "a", Ejection: DefaultEjection()}, 0)
		for _, zone := range []string{"a", "b", "c"} {
			for i := range 4 {
				w.add(fmt.Sprint(zone, i), Attributes{Zone: zone, Weight: 1})
			}
		}
		w.now = ramp
		check := func(what string, a, b float64) {
			t.Helper()
			sum := byZone(w.run(t, 6000, time.Millisecond, quickly))
			what = name + ", " + what
			within(t, what+": zone a", sum["a"], 6000*a, 0.1)
			within(t, what+": zone b", sum["b"], 6000*b, 0.1)
			within(t, what+": zone c", sum["c"], 6000*(1-a-b), 0.1)
		}
		check("all are up", 1, 0)
		w.SetState(w.endpoints[0], Down)
		w.SetState(w.endpoints[1], Down)
		check("two of four are down", 0.6, 0.2) // 2 of 10 for a third of the calls
		w.mu.Lock()
		w.setEjected(w.endpoints[2], true)
		w.settle()
		w.mu.Unlock()
		check("and one is ejected", 1./3, 1./3) // 1 of 9
		w.SetState(w.endpoints[3], Down)
		check("and one is down", 0, 0.5)
		w.mu.Lock()
		w.setEjected(w.endpoints[2], false)
		w.settle()
		w.mu.Unlock()
		for _, e := range w.endpoints[:4] {
			w.SetState(e, Down)
			w.SetState(e, Up)
		}
		check("all are up again", 1, 0)
		w.SetAttributes(w.endpoints[0], Attributes{Zone: "b", Weight: 1})
		w.SetAttributes(w.endpoints[1], Attributes{Zone: "b", Weight: 1})
		// 2, 6 and 4 of 12. A third of the calls in b is at the two that have moved.
		check("two have moved to b", 0.5+0.5/3, 0.5*2/3)
	}
}

// A call that has tried all instances of its zone goes to the others, evenly.
func TestFurtherAttemptsLeaveTheZone(t *testing.T) {
	w := newWorld(Config{Zone: "a"}, 0)
	local := w.add("a", Attributes{Zone: "a"})
	w.add("b", Attributes{Zone: "b"})
	w.add("c", Attributes{Zone: "c"})
	calls := map[string]int{}
	for range 2000 {
		calls[w.Pick(w.now, []*Endpoint{local}).Address]++
	}
	within(t, "b", calls["b"], 1000, 0.2)
	within(t, "c", calls["c"], 1000, 0.2)
	if w.Pick(w.now, w.endpoints) != nil {
		t.Error("have an endpoint after all are tried")
	}
}

// If all endpoints have the weight 0, calls stay in the client's zone as if they had none.
func TestZonesWithoutWeights(t *testing.T) {
	w := newWorld(Config{Picker: Weighted, Zone: "a"}, 0)
	for _, zone := range []string{"a", "b", "c"} {
		w.add(zone, Attributes{Zone: zone})
	}
	if calls := w.run(t, 1000, time.Millisecond, quickly); calls["a"] != 1000 {
		t.Errorf("have %v, want 1000 calls in zone a", calls)
	}
}

// Without a zone of the client, zones have no effect.
func TestClientWithoutZone(t *testing.T) {
	w := newWorld(Config{}, 0)
	w.add("a", Attributes{Zone: "a"})
	w.add("b", Attributes{Zone: "b"})
	calls := w.run(t, 2000, time.Millisecond, quickly)
	within(t, "a", calls["a"], 1000, 0.2)
}

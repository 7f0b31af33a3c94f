package balance

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// interval lets each endpoint have calls with the outcomes that fails decides, and ends an interval
// of 10 s.
func (w *world) interval(calls int, fails func(address string) bool) []Change {
	for _, e := range w.endpoints {
		for range calls {
			outcome := Success
			if fails(e.Address) {
				outcome = Failure
			}
			w.call(e, time.Millisecond, 0, outcome)
		}
	}
	w.now += 10 * time.Second
	return w.Tick(w.now)
}

// names returns the changes as a text: + for an ejection and - for a return.
func names(changes []Change) string {
	var b strings.Builder
	for _, c := range changes {
		if c.Ejected {
			b.WriteByte('+')
		} else {
			b.WriteByte('-')
		}
		b.WriteString(c.Address + " ")
	}
	return strings.TrimSpace(b.String())
}

func half(address string) func(string) bool {
	n := 0
	return func(a string) bool { n++; return a == address && n%2 == 0 }
}

func always(addresses string) func(string) bool {
	return func(a string) bool { return strings.Contains(addresses, a) }
}

func never(string) bool { return false }

func TestEjections(t *testing.T) {
	for _, tt := range []struct {
		name             string
		endpoints, calls int
		fails            func(string) bool
		want             string
	}{
		{"none fails", 10, 200, never, ""},
		{"one fails half", 10, 200, half("3"), "+3"},
		{"one fails half, too few calls", 10, 99, half("3"), ""},
		{"one fails half, too few endpoints", 4, 200, half("3"), ""},
		{"one fails all", 10, 60, always("3"), "+3"},
		{"one fails all, too few calls", 10, 49, always("3"), ""},
		{"one fails all, too few endpoints", 4, 200, always("3"), ""},
		{"two of five fail all", 5, 60, always("34"), "+3 +4"},
		{"all fail half", 10, 200, func(string) bool { return rand.N(2) == 0 }, "?"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(Config{Ejection: DefaultEjection()}, tt.endpoints)
			changes := w.interval(tt.calls, tt.fails)
			have := names(changes)
			if have == "+4 +3" {
				have = "+3 +4"
			}
			if tt.want == "?" { // random outliers, which are few
				if len(changes) > 2 {
					t.Errorf("have %s, want two at most", have)
				}
				return
			}
			if have != tt.want || w.Ejected() != len(changes) ||
				w.Snapshot().Ejections != uint64(len(changes)) {
				t.Errorf("have %q, %d ejected, %d counted, want %q",
					have, w.Ejected(), w.Snapshot().Ejections, tt.want)
			}
			for _, c := range changes {
				if c.For != 30*time.Second || !strings.Contains(c.Reason, "successful: ") {
					t.Errorf("have %+v, want 30s and a reason", c)
				}
			}
			calls := w.run(t, 1000, time.Millisecond, quickly)
			for _, c := range changes {
				if calls[c.Address] > 0 {
					t.Errorf("have %d calls at %s, which is ejected", calls[c.Address], c.Address)
				}
			}
		})
	}
}

// An endpoint with too few calls is not judged by the others.
func TestFewCallsAreNotJudged(t *testing.T) {
	w := newWorld(Config{Ejection: DefaultEjection()}, 10)
	for range 49 {
		w.call(w.endpoints[9], time.Millisecond, 0, Failure)
	}
	w.endpoints = w.endpoints[:9]
	if have := w.interval(100, never); len(have) != 0 {
		t.Errorf("have %v for the endpoint with 49 calls, want no ejection", have)
	}
}

// At most half of the list is ejected: the worst ones.
func TestAtMostHalfIsEjected(t *testing.T) {
	w := newWorld(Config{Ejection: DefaultEjection()}, 10)
	n := 0
	bad := always("01234")
	w.interval(100, func(a string) bool {
		n++
		return bad(a) || a != "9" && n%10 != 0
	})
	if w.Ejected() != 5 {
		t.Errorf("have %d ejected, want 5", w.Ejected())
	}
	for _, e := range w.endpoints[:5] {
		if !e.stats.ejected {
			t.Errorf("%s is not ejected, want the five that fail all calls", e.Address)
		}
	}
	w.interval(100, always("56789"))
	if w.Ejected() != 5 {
		t.Errorf("have %d ejected after a second interval, want 5", w.Ejected())
	}
}

// If less than half of the endpoints are up and not ejected, all that are up are picked.
func TestEjectionsEndBelowHalf(t *testing.T) {
	w := newWorld(Config{Ejection: DefaultEjection()}, 10)
	w.interval(100, always("0123"))
	if w.Ejected() != 4 {
		t.Fatalf("have %d ejected, want 4", w.Ejected())
	}
	w.SetState(w.endpoints[9], Down)
	if calls := w.run(t, 1000, time.Millisecond, quickly); len(calls) != 5 {
		t.Errorf("five are left of ten: have %v, want calls at these", calls)
	}
	w.SetState(w.endpoints[8], Down)
	w.now += 10 * time.Second
	if calls := w.run(t, 10_000, time.Millisecond, quickly); len(calls) != 8 || calls["9"] > 0 {
		t.Errorf("four are left of ten: have %v, want calls at the eight that are up", calls)
	}
	w.SetState(w.endpoints[8], Up)
	if calls := w.run(t, 1000, time.Millisecond, quickly); len(calls) != 5 {
		t.Errorf("five are left again: have %v, want calls at these", calls)
	}
}

// Ejected endpoints come back one at a time, the first one first. An ejection is as much longer as
// the endpoint was ejected before, up to the limit, and shorter again without one.
func TestReturns(t *testing.T) {
	w := newWorld(Config{Ejection: DefaultEjection()}, 10)
	w.interval(100, always("012"))
	w.now += 30 * time.Second
	if have := w.Tick(w.now); len(have) != 0 {
		t.Fatalf("have %v after 30s, want nothing before that is over", have)
	}
	w.now += time.Second
	for want := 2; want >= 0; want-- {
		changes := w.Tick(w.now)
		if len(changes) != 1 || changes[0].Ejected || w.Ejected() != want {
			t.Fatalf("have %v and %d left, want one return and %d", changes, w.Ejected(), want)
		}
	}
	if have := w.Tick(w.now); len(have) != 0 || w.Snapshot().Returns != 3 {
		t.Errorf("have %v after %d returns, want nothing after 3", have, w.Snapshot().Returns)
	}
	if share := w.endpoints[0].share(int64(w.now)); share != rampStart {
		t.Errorf("have a share of %v after the return, want %v", share, rampStart)
	}
	for i := 1; i < 20; i++ { // the interval of the return is one without an ejection
		changes := w.interval(100, always("0"))
		want := min(time.Duration(i+1)*30*time.Second, 300*time.Second)
		if names(changes) != "+0" || changes[0].For != want {
			t.Fatalf("ejection %d: have %v, want one for %v", i+1, changes, want)
		}
		w.endpoints[0].stats.ejectedAt -= int64(want)
		if have := names(w.Tick(w.now + 1)); have != "-0" {
			t.Fatalf("have %q, want the return", have)
		}
	}
	multiplier := w.endpoints[0].stats.multiplier
	for range 3 {
		w.interval(100, never)
	}
	if have := w.endpoints[0].stats.multiplier; have != multiplier-3 {
		t.Errorf("have a multiplier of %d after 3 good intervals, want %d", have, multiplier-3)
	}
}

// The longest ejection does not end.
func TestLongestEjection(t *testing.T) {
	config := DefaultEjection()
	config.BaseTime = math.MaxInt64
	w := newWorld(Config{Ejection: config}, 10)
	if have := names(w.interval(100, always("0"))); have != "+0" {
		t.Fatalf("have %q, want an ejection", have)
	}
	w.now += 1000 * time.Hour
	if have := w.Tick(w.now); len(have) != 0 {
		t.Errorf("have %v, want nothing", have)
	}
	if have := config.duration(2); have != config.BaseTime {
		t.Errorf("have %v for the second ejection, want %v", have, config.BaseTime)
	}
}

// An ejection survives that the address leaves the list and comes back.
func TestEjectionSurvivesChangesOfTheList(t *testing.T) {
	w := newWorld(Config{Ejection: DefaultEjection()}, 10)
	w.interval(100, always("0"))
	w.Remove(w.endpoints[0])
	if w.Ejected() != 0 {
		t.Errorf("have %d ejected, want 0 in the list", w.Ejected())
	}
	w.add("0", Attributes{Weight: 1})
	if calls := w.run(t, 1000, time.Millisecond, quickly); w.Ejected() != 1 || calls["0"] > 0 {
		t.Errorf("have %d ejected and %d calls, want 1 and 0", w.Ejected(), calls["0"])
	}
}

// Of ten endpoints one fails half of its calls. After 10 s less than 1 % of all calls fail, with
// p2c at any rate and also after returns, with the others until the first return.
func TestOneOfTenFailsHalf(t *testing.T) {
	for _, name := range Names() {
		for _, rate := range []int{100, 200, 1000} { // calls a second
			w := newWorld(Config{Picker: name, Ejection: DefaultEjection()}, 10)
			step := time.Second / time.Duration(rate)
			failed := 0
			behave := func(e *Endpoint) (time.Duration, Outcome) {
				if e.Address == "3" && rand.N(2) == 0 {
					failed++
					return time.Millisecond, Failure
				}
				return time.Millisecond, Success
			}
			seconds := 40
			if name == P2C {
				seconds = 120
			}
			for i := range seconds {
				if i == 11 {
					failed = 0
				}
				w.run(t, rate, step, behave)
				w.Tick(w.now)
			}
			// A tenth of the calls of 10 s must be 100 for an ejection, unless p2c avoids the
			// endpoint before.
			have := 100 * float64(failed) / float64((seconds-11)*rate)
			t.Logf("%s, %d calls/s: %.2f%% fail", name, rate, have)
			if have >= 1 && (rate > 100 || name == P2C) {
				t.Errorf("%s, %d calls/s: %.2f%% fail, want less than 1%%", name, rate, have)
			}
		}
	}
}

// Without an ejection's configuration nothing is ejected.
func TestEjectionIsOff(t *testing.T) {
	w := newWorld(Config{}, 10)
	if have := w.interval(200, always("0")); len(have) != 0 || w.Ejected() != 0 {
		t.Errorf("have %v", have)
	}
}

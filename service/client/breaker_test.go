package client

import (
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"bookservice/tracer/tracertest/testkit"
)

// Tests in a synctest bubble use the clock of the bubble: waiting takes no time.

func newTestBreaker(percent float64, minCalls int) *breaker {
	cfg := DefaultConfig()
	cfg.BreakerErrorPercent, cfg.BreakerMinRequests = percent, minCalls
	return newBreaker(cfg)
}

// report makes n calls with the same outcome, if the breaker permits them.
func report(b *breaker, o outcome, n int) {
	for range n {
		if allow(b) {
			record(b, o)
		}
	}
}

func TestBreakerThreshold(t *testing.T) {
	tests := []struct {
		name              string
		percent           float64
		minCalls          int
		succeeded, failed int
		open              bool
	}{
		{name: "1 of 100 at 1 %", percent: 1, minCalls: 5, succeeded: 99, failed: 1, open: true},
		{name: "1 of 101 at 1 %", percent: 1, minCalls: 5, succeeded: 100, failed: 1},
		{name: "1 of 200 at 1 %", percent: 1, minCalls: 5, succeeded: 199, failed: 1},
		{name: "1 of 1000 at 0.1 %", percent: 0.1, minCalls: 5, succeeded: 999, failed: 1,
			open: true},
		{name: "4 of 4, too few", percent: 1, minCalls: 5, failed: 4},
		{name: "5 of 5", percent: 1, minCalls: 5, failed: 5, open: true},
		{name: "99 of 100 at 100 %", percent: 100, minCalls: 5, succeeded: 1, failed: 99},
		{name: "100 of 100 at 100 %", percent: 100, minCalls: 5, failed: 100, open: true},
		{name: "none of 1000", percent: 1, minCalls: 1, succeeded: 1000},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newTestBreaker(tt.percent, tt.minCalls)
				report(b, succeeded, tt.succeeded)
				report(b, failed, tt.failed)
				if have := !allow(b); have != tt.open {
					t.Errorf("open: have %t, want %t", have, tt.open)
				}
			})
		})
	}
}

// A success can be the call that reaches the minimum number of calls.
func TestBreakerOpensWithTheFifthCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTestBreaker(1, 5)
		report(b, failed, 1)
		report(b, succeeded, 3)
		if !allow(b) {
			t.Fatal("the breaker is open after 4 calls, want it closed")
		}
		record(b, succeeded)
		if allow(b) {
			t.Error("the breaker is closed with 1 failure in 5 calls, want it open")
		}
	})
}

func TestBreakerForgetsAfterTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTestBreaker(1, 5)
		report(b, failed, 4)
		<-time.After(DefaultConfig().BreakerWindow + time.Second)
		report(b, succeeded, 5)
		if !allow(b) {
			t.Error("the breaker is open because of failures before the window")
		}
	})
}

// The breaker counts over the whole window.
func TestBreakerRemembersWithinTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTestBreaker(1, 5)
		report(b, failed, 4)
		<-time.After(DefaultConfig().BreakerWindow * 8 / 10)
		report(b, succeeded, 1)
		if allow(b) {
			t.Error("the breaker is closed with 4 failures within the window")
		}
	})
}

func TestBreakerClosesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTestBreaker(1, 5)
		report(b, failed, 5)
		<-time.After(10*time.Second - time.Nanosecond)
		if allow(b) {
			t.Fatal("the breaker permits a call before BreakerOpen has passed")
		}
		<-time.After(time.Nanosecond)
		if !allow(b) || allow(b) {
			t.Fatal("the half-open breaker does not permit exactly one call")
		}
		record(b, failed)
		if allow(b) {
			t.Fatal("the breaker is closed after a failed trial")
		}
		<-time.After(10 * time.Second)
		if !allow(b) {
			t.Fatal("the breaker does not permit a second trial")
		}
		record(b, succeeded)
		report(b, succeeded, 20)
		if !allow(b) {
			t.Error("the breaker is not closed after a successful trial")
		}
	})
}

// A trial call that its caller cancels neither closes the breaker nor keeps the permit.
func TestBreakerTriesAgainWhenTheCallerLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTestBreaker(1, 5)
		report(b, failed, 5)
		<-time.After(10 * time.Second)
		for range 3 {
			if !allow(b) || allow(b) {
				t.Fatal("the half-open breaker does not permit exactly one call")
			}
			record(b, ignored)
		}
	})
}

func TestBreakerDoesNotCountCallersThatLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTestBreaker(50, 5)
		report(b, ignored, 100)
		report(b, failed, 4)
		if !allow(b) {
			t.Fatal("the breaker is open after 4 counted calls")
		}
		record(b, failed)
		if allow(b) {
			t.Error("the breaker is closed: it counts ignored calls as successes")
		}
	})
}

// After concurrent calls with random outcomes, successes close the breaker.
func TestBreakerConcurrently(t *testing.T) {
	cfg := DefaultConfig()
	cfg.BreakerOpen = time.Microsecond
	b := newBreaker(cfg)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 2000 {
				if allow(b) {
					record(b, outcome(rand.IntN(3)))
				}
			}
		})
	}
	wg.Wait()
	testkit.Eventually(t, "the breaker is closed", func() bool {
		report(b, succeeded, 1)
		return b.cb.IsClosed()
	})
}

// allow asks for a permit, which record uses.
func allow(b *breaker) bool {
	_, ok := b.allow()
	return ok
}

// record records the outcome of a call that was permitted since the breaker has opened.
func record(b *breaker, o outcome) { b.record(permit(b.opened.Load()), o) }

// Calls from before the breaker opened say nothing about the servers afterwards.
func TestBreakerIgnoresCallsFromBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBreaker(DefaultConfig())
		var old []permit
		for range 20 {
			p, ok := b.allow()
			if !ok {
				t.Fatal("have no permit of a closed breaker")
			}
			old = append(old, p)
		}
		for _, p := range old[:5] {
			b.record(p, failed)
		}
		if allow(b) {
			t.Fatal("have a permit of an open breaker")
		}
		<-time.After(DefaultConfig().BreakerOpen)
		trial, ok := b.allow()
		if !ok {
			t.Fatal("have no trial call")
		}
		b.record(old[5], failed)
		b.record(old[6], ignored)
		b.record(old[7], succeeded)
		if allow(b) {
			t.Error("have a second trial call at the same time")
		}
		b.record(trial, succeeded)
		for _, p := range old[8:] {
			b.record(p, failed)
		}
		if !allow(b) {
			t.Error("the breaker opened because of calls from before")
		}
	})
}

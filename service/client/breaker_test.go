package client

import (
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// In these the clock is the bubble's: waiting takes no time.

func newTestBreaker(percent float64, min int) *breaker {
	cfg := DefaultConfig()
	cfg.BreakerErrorPercent, cfg.BreakerMinRequests = percent, min
	return newBreaker(cfg)
}

func report(b *breaker, o outcome, n int) {
	for range n {
		if b.allow() {
			b.done(o)
		}
	}
}

func TestBreakerThreshold(t *testing.T) {
	tests := []struct {
		name      string
		percent   float64
		min       int
		good, bad int
		open      bool
	}{
		{name: "1 of 100 at 1 %", percent: 1, min: 5, good: 99, bad: 1, open: true},
		{name: "1 of 101 at 1 %", percent: 1, min: 5, good: 100, bad: 1},
		{name: "1 of 200 at 1 %, which is not to be rounded up", percent: 1, min: 5, good: 199, bad: 1},
		{name: "1 of 1000 at 0.1 %", percent: 0.1, min: 5, good: 999, bad: 1, open: true},
		{name: "4 of 4 are too few", percent: 1, min: 5, bad: 4},
		{name: "5 of 5", percent: 1, min: 5, bad: 5, open: true},
		{name: "all but one at 100 %", percent: 100, min: 5, good: 1, bad: 99},
		{name: "all at 100 %", percent: 100, min: 5, bad: 100, open: true},
		{name: "none", percent: 1, min: 1, good: 1000},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newTestBreaker(tt.percent, tt.min)
				report(b, succeeded, tt.good)
				report(b, failed, tt.bad)
				if have := !b.allow(); have != tt.open {
					t.Errorf("open: have %t, want %t", have, tt.open)
				}
			})
		})
	}
}

// The call that makes the number of calls full may itself be a good one.
func TestBreakerOpensWithTheFifthCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTestBreaker(1, 5)
		report(b, failed, 1)
		report(b, succeeded, 3)
		if !b.allow() {
			t.Fatal("open after 4 calls, want it closed")
		}
		b.done(succeeded)
		if b.allow() {
			t.Error("closed with 1 failure in 5 calls, want it open")
		}
	})
}

func TestBreakerForgetsAfterTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTestBreaker(1, 5)
		report(b, failed, 4)
		<-time.After(DefaultConfig().BreakerWindow + time.Second)
		report(b, succeeded, 5)
		if !b.allow() {
			t.Error("open by failures of long ago")
		}
	})
}

func TestBreakerClosesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTestBreaker(1, 5)
		report(b, failed, 5)
		<-time.After(10*time.Second - time.Nanosecond)
		if b.allow() {
			t.Fatal("lets a call through before its time")
		}
		<-time.After(time.Nanosecond)
		if !b.allow() || b.allow() {
			t.Fatal("want one call let through, and one only")
		}
		b.done(failed)
		if b.allow() {
			t.Fatal("closed by a failure")
		}
		<-time.After(10 * time.Second)
		if !b.allow() {
			t.Fatal("no second trial")
		}
		b.done(succeeded)
		report(b, succeeded, 20)
		if !b.allow() {
			t.Error("not closed by a success")
		}
	})
}

// A trial call whose caller goes away says nothing: it neither closes the breaker nor keeps the trial for ever.
func TestBreakerTriesAgainWhenTheCallerLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTestBreaker(1, 5)
		report(b, failed, 5)
		<-time.After(10 * time.Second)
		for range 3 {
			if !b.allow() || b.allow() {
				t.Fatal("want one call let through, and one only")
			}
			b.done(unknown)
		}
	})
}

func TestBreakerDoesNotCountCallersThatLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTestBreaker(50, 5)
		report(b, unknown, 100)
		report(b, failed, 4)
		if !b.allow() {
			t.Fatal("open after 4 calls that count")
		}
		b.done(failed)
		if b.allow() {
			t.Error("closed, want the callers that left not to count as successes")
		}
	})
}

// Whatever happens at once, the breaker ends up closed when the service works.
func TestBreakerConcurrently(t *testing.T) {
	cfg := DefaultConfig()
	cfg.BreakerOpen = time.Microsecond
	b := newBreaker(cfg)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 2000 {
				if b.allow() {
					b.done(outcome(rand.IntN(3)))
				}
			}
		})
	}
	wg.Wait()
	for limit := time.Now().Add(5 * time.Second); !b.cb.IsClosed(); {
		report(b, succeeded, 1)
		if time.Now().After(limit) {
			t.Fatalf("the breaker is %v for ever", b.cb.State())
		}
	}
}

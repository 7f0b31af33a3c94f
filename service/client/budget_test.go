package client

import (
	"testing"
	"time"
)

// takeAll returns how many retries the budget permits at this time.
func takeAll(b *budget, now time.Time) int {
	n := 0
	for b.take(now) {
		n++
	}
	return n
}

func TestBudget(t *testing.T) {
	tests := []struct {
		name    string
		percent float64
		calls   int
		want    int
	}{
		{"no calls", 20, 0, 3},
		{"few calls", 20, 14, 3},
		{"20 calls", 20, 20, 4},
		{"1000 calls", 20, 1000, 200},
		{"0 percent", 0, 1000, 3},
		{"200 percent", 200, 10, 20},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBudget(tt.percent)
			for range tt.calls {
				b.deposit(b.epoch)
			}
			if have := takeAll(b, b.epoch); have != tt.want {
				t.Errorf("have %d retries, want %d", have, tt.want)
			}
		})
	}
}

// Calls and retries are forgotten after 10 s, at any distance between them.
func TestBudgetForgets(t *testing.T) {
	b := newBudget(20)
	at := func(s float64) time.Time { return b.epoch.Add(time.Duration(s * float64(time.Second))) }
	for i := range 100 {
		b.deposit(at(float64(i) / 100)) // in the first second
	}
	if have := takeAll(b, at(5)); have != 20 {
		t.Errorf("after 5 s: have %d retries, want 20", have)
	}
	if have := takeAll(b, at(9.9)); have != 0 {
		t.Errorf("after 9.9 s: have %d retries, want none", have)
	}
	if have := takeAll(b, at(14.9)); have != 0 {
		t.Errorf("after 14.9 s: have %d retries, want none: the calls are forgotten", have)
	}
	if have := takeAll(b, at(15)); have != 3 {
		t.Errorf("after 15 s: have %d retries, want 3", have)
	}
	b.deposit(at(14)) // by a goroutine that is late
	if have := takeAll(b, at(1e6)); have != 3 || b.calls != 0 || b.retries != 3 {
		t.Errorf("after a long time: have %d retries and %+v, want 3", have, b)
	}
}

// A retry that is given back is permitted again, as long as its second is in the window.
func TestBudgetTakesBack(t *testing.T) {
	b := newBudget(20)
	at := func(s float64) time.Time { return b.epoch.Add(time.Duration(s * float64(time.Second))) }
	takeAll(b, at(0.5))
	b.giveBack(at(0.5))
	if have := takeAll(b, at(9)); have != 1 {
		t.Errorf("have %d retries after one was given back, want 1", have)
	}
	b.advance(at(12))
	b.giveBack(at(0.5))
	if have := takeAll(b, at(12)); have != 2 || b.retries != 3 {
		t.Errorf("have %d retries and %d in the window, want 2 and 3", have, b.retries)
	}
}

// Retries and hedges take at most 20 % of the calls of each 10 s, at a constant rate of calls.
func TestBudgetAtAConstantRate(t *testing.T) {
	b := newBudget(20)
	retries := 0
	const calls = 60_000
	for i := range calls {
		now := b.epoch.Add(time.Duration(i) * time.Millisecond)
		b.deposit(now)
		if b.take(now) {
			retries++
		}
	}
	if share := float64(retries) / calls; share < 0.19 || share > 0.2001 {
		t.Errorf("have %.4f retries a call, want 0.2", share)
	}
}

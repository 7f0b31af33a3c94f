package client

import (
	"testing"
	"time"
)

// The delay doubles up to 1 s and has a jitter of ±50 %.
func TestBackoff(t *testing.T) {
	const base = 100 * time.Millisecond
	want := []time.Duration{base, 2 * base, 4 * base, 8 * base, time.Second, time.Second}
	for i, w := range want {
		shortest, longest := time.Hour, time.Duration(0)
		for range 200 {
			d := backoff(base, i+1)
			shortest, longest = min(shortest, d), max(longest, d)
		}
		if shortest < w/2 || shortest > w*3/4 || longest < w*5/4 || longest > w*3/2 {
			t.Errorf("delay %d: have %v to %v, want %v to %v", i+1, shortest, longest, w/2, w*3/2)
		}
	}
	if d := backoff(time.Nanosecond, 1000); d > maxBackoff*3/2 {
		t.Errorf("after 1000 attempts: have %v, want at most %v", d, maxBackoff*3/2)
	}
}

// Without a backoff the attempts follow at once.
func TestNoBackoff(t *testing.T) {
	for n := range 10 {
		if d := backoff(0, n); d != 0 {
			t.Errorf("delay %d: have %v, want none", n, d)
		}
	}
}

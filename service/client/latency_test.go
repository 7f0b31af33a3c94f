package client

import (
	"testing"
	"time"
)

func TestLatencyBuckets(t *testing.T) {
	for _, d := range []time.Duration{0, time.Microsecond, 5 * time.Microsecond, time.Millisecond,
		1500 * time.Microsecond, 100 * time.Millisecond, 30 * time.Second, time.Hour} {
		i := latencyBucket(d)
		if low, high := latencyBound(i), latencyBound(i+1); d < low || d >= high {
			t.Errorf("%v is in bucket %d: %v to %v", d, i, low, high)
		} else if width := high - low; width > d/4+2*time.Microsecond {
			t.Errorf("%v: the bucket is %v wide, want 25 %%", d, width)
		}
	}
	if i := latencyBucket(-time.Second); i != 0 {
		t.Errorf("a negative duration: have bucket %d, want 0", i)
	}
	if i := latencyBucket(1<<63 - 1); i != latencyBuckets-1 {
		t.Errorf("the longest duration: have bucket %d, want the last", i)
	}
}

func TestQuantiles(t *testing.T) {
	var l latencies
	for range minAnswers - 1 {
		l.add(time.Second)
	}
	if l.p99.Load() != 0 || l.p95.Load() != 0 {
		t.Error("have quantiles of too few answers")
	}
	check := func(name string, have int64, want time.Duration) {
		t.Helper()
		if d := time.Duration(have); d < want*3/4 || d > want*5/4 {
			t.Errorf("%s: have %v, want %v ±25 %%", name, d, want)
		}
	}
	// The answers at first are forgotten.
	for i := range 30 * latencyWindow {
		l.add(time.Duration(1+37*i%100) * time.Millisecond) // 1 to 100 ms, evenly
	}
	check("p95", l.p95.Load(), 96*time.Millisecond)
	check("p99", l.p99.Load(), 100*time.Millisecond)
	check("fastest", l.fastest.Load(), time.Millisecond)
	for range 30 * latencyWindow {
		l.add(time.Second)
	}
	check("p95 when slow", l.p95.Load(), time.Second)
	check("fastest when slow", l.fastest.Load(), time.Second)
}

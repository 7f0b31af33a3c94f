package client

import (
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// delays returns the delays between the attempts of one call, all of which fail.
func delays(t *testing.T, cfg Config) []time.Duration {
	t.Helper()
	var last time.Time
	var all []time.Duration
	fault := status.Error(codes.Unavailable, "no")
	_, err := newRetry(cfg).WithContext(t.Context()).Get(func() (any, error) {
		if !last.IsZero() {
			all = append(all, time.Since(last))
		}
		last = time.Now()
		return nil, fault
	})
	if err != fault {
		t.Errorf("have %v, want %v", err, fault)
	}
	return all
}

// The delay doubles up to 1 s and has a jitter of ±50 %. The clock is that of the synctest bubble.
func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := DefaultConfig()
		cfg.RetryAttempts, cfg.RetryBackoff = 7, 100*time.Millisecond
		want := []time.Duration{cfg.RetryBackoff, 2 * cfg.RetryBackoff, 4 * cfg.RetryBackoff,
			8 * cfg.RetryBackoff, time.Second, time.Second}
		const calls = 200
		shortest, longest := make([]time.Duration, len(want)), make([]time.Duration, len(want))
		for range calls {
			have := delays(t, cfg)
			if len(have) != len(want) {
				t.Fatalf("have %d delays, want %d", len(have), len(want))
			}
			for i, d := range have {
				if shortest[i] == 0 || d < shortest[i] {
					shortest[i] = d
				}
				longest[i] = max(longest[i], d)
			}
		}
		for i, w := range want {
			if shortest[i] < w/2 || shortest[i] > w*3/4 ||
				longest[i] < w*5/4 || longest[i] > w*3/2 {
				t.Errorf("delay %d: have %v to %v, want %v to %v",
					i+1, shortest[i], longest[i], w/2, w*3/2)
			}
		}
	})
}

// Without a backoff the attempts follow at once.
func TestNoBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := DefaultConfig()
		cfg.RetryBackoff = 0
		for i, d := range delays(t, cfg) {
			if d != 0 {
				t.Errorf("delay %d: have %v, want none", i+1, d)
			}
		}
	})
}

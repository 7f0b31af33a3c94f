package discovery

import (
	"context"
	"testing"
	"time"
)

func TestBackoffGrowsToItsMaximum(t *testing.T) {
	b := retryBackoff{max: time.Second}
	for _, want := range []time.Duration{
		firstRetry, 2 * firstRetry, 4 * firstRetry, 8 * firstRetry, time.Second, time.Second,
	} {
		if have := b.next(); have > want || have < want/2 {
			t.Errorf("have %s, want %s to %s", have, want/2, want)
		}
	}
	b.reset()
	if have := b.next(); have > firstRetry {
		t.Errorf("have %s after a reset, want at most %s", have, firstRetry)
	}
}

func TestBackoffIsRandom(t *testing.T) {
	pauses := map[time.Duration]bool{}
	for range 10 {
		b := retryBackoff{max: time.Second}
		pauses[b.next()] = true
	}
	if len(pauses) == 1 {
		t.Errorf("have the same pause in 10 clients, want different ones: %v", pauses)
	}
}

func TestSleepEndsWithItsContext(t *testing.T) {
	if !sleep(t.Context(), time.Millisecond) {
		t.Error("have false, want true: the context has not ended")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if sleep(ctx, time.Hour) {
		t.Error("have true, want false: the context has ended")
	}
}

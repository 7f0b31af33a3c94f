package discovery

import (
	"context"
	"math/rand/v2"
	"time"
)

// firstRetry is the shortest pause between two attempts.
const firstRetry = 100 * time.Millisecond

// A retryBackoff computes the pauses between attempts. They begin at firstRetry and double up to
// max. Each is shortened by a random share of up to a half, which spreads the attempts of many
// clients.
type retryBackoff struct {
	max  time.Duration
	last time.Duration
}

func (b *retryBackoff) next() time.Duration {
	b.last = min(max(2*b.last, firstRetry), b.max)
	return b.last - rand.N(b.last/2)
}

func (b *retryBackoff) reset() { b.last = 0 }

// sleep waits for d and returns true, or returns false as soon as ctx ends.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

package discovery

import (
	"context"
	"math/rand/v2"
	"time"
)

// retries are growing pauses: from firstRetry, doubled each time, to max, each
// shortened at random by up to a half, so that many clients do not come at once.
type retries struct {
	max  time.Duration
	last time.Duration
}

func (r *retries) next() time.Duration {
	r.last = min(max(2*r.last, firstRetry), r.max)
	return r.last - rand.N(r.last/2)
}

func (r *retries) reset() { r.last = 0 }

// pause reports whether d passed before ctx was over.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

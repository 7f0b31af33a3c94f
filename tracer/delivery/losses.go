package delivery

import (
	"context"
	"maps"
)

type lossesKey struct{}

// Losses returns Stats.DroppedBy of the queue at the beginning of the attempt to which the context
// of a [SendFunc] belongs, so that it can report them to the destination. It returns nil if no span
// was dropped.
func Losses(ctx context.Context) map[string]uint64 {
	losses, _ := ctx.Value(lossesKey{}).(map[string]uint64)
	return losses
}

// withLosses returns a context for an attempt. The caller holds the lock.
func (q *Queue) withLosses() context.Context {
	if q.stats.Dropped == 0 {
		return q.ctx
	}
	return context.WithValue(q.ctx, lossesKey{}, maps.Clone(q.stats.DroppedBy))
}

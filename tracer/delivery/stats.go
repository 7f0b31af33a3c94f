package delivery

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// The reasons for dropping spans, as in Stats.DroppedBy.
const (
	// QueueFull means that neither the memory nor the spool had room.
	QueueFull = "queue full"
	// Closed means that the span was added after Close was called.
	Closed = "closed"
	// NotFlushed means that the span was still in memory when the context of Close ended, and could
	// not be spooled.
	NotFlushed = "not flushed"
	// Refused means that the destination rejected the span permanently.
	Refused = "refused"
	// TooBig means that a single span is too large for the destination, or larger than 16 MiB.
	TooBig = "too large"
	// SpoolDamaged means that the span was in the spool and is no longer readable. If a file is
	// damaged while the queue runs, each lost span counts. In the files of an earlier process, each
	// damaged region counts as one span, because the number of spans in it is unknown. A file whose
	// end is missing exactly from the start of a span shows no damage to [New].
	SpoolDamaged = "spool damaged"
)

// Stats counts spans since [New]. Added = Sent + Queued + Spooled + Dropped at every moment.
type Stats struct {
	Added   uint64 // passed to Queue.Add, recovered from the spool, or found damaged there by New
	Sent    uint64 // accepted by the destination
	Queued  uint64 // now in memory only
	Spooled uint64 // now on disk
	Dropped uint64 // sum of DroppedBy

	DroppedBy map[string]uint64 // dropped spans by reason
	Recovered uint64            // found intact in the spool by New
	Retried   uint64            // failed attempts that were followed by a retry
	Abandoned uint64            // calls of the SendFunc that did not return in time
	Batches   uint64            // batches that the destination accepted
	Bytes     uint64            // uncompressed size of these batches

	QueueBytes int   // current size of the spans in memory, as limited by Config.QueueBytes
	SpoolBytes int64 // current size of the spool, as limited by Config.SpoolBytes

	Latency Latency
}

// DropReasons returns DroppedBy as text for a log line, such as "3 not flushed, 900 queue full".
func (s Stats) DropReasons() string {
	reasons := make([]string, 0, len(s.DroppedBy))
	for _, reason := range slices.Sorted(maps.Keys(s.DroppedBy)) {
		reasons = append(reasons, fmt.Sprintf("%d %s", s.DroppedBy[reason], reason))
	}
	return strings.Join(reasons, ", ")
}

// Latency is a histogram of the duration of attempts, including failed ones.
type Latency struct {
	Count uint64        // number of attempts
	Sum   time.Duration // total duration of all attempts

	// Buckets[i] counts the attempts that took at most LatencyBounds()[i] and longer than the bound
	// before it. Attempts that took longer than the last bound are in Count only.
	Buckets [numBounds]uint64
}

const numBounds = 12

// LatencyBounds returns the upper bounds of Latency.Buckets, from 1 ms to 10 s.
func LatencyBounds() []time.Duration {
	const ms, s = time.Millisecond, time.Second
	return []time.Duration{ms, 2 * ms, 5 * ms, 10 * ms, 25 * ms, 50 * ms,
		100 * ms, 250 * ms, 500 * ms, s, 5 * s, 10 * s}
}

func (l *Latency) observe(d time.Duration) {
	l.Count++
	l.Sum += d
	for i, bound := range LatencyBounds() {
		if d <= bound {
			l.Buckets[i]++
			return
		}
	}
}

// Stats returns a consistent snapshot of the counters. The caller owns the map in it.
func (q *Queue) Stats() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := q.stats
	s.DroppedBy = maps.Clone(s.DroppedBy)
	s.QueueBytes = q.bytes
	if q.spool != nil {
		s.SpoolBytes = q.spool.size.Load()
	}
	return s
}

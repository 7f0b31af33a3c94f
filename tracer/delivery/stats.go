package delivery

import (
	"maps"
	"time"
)

// Why records are dropped.
const (
	QueueFull    = "queue full"    // no room in memory, nor in the spool
	Closed       = "closed"        // added after Close
	NotFlushed   = "not flushed"   // still there when Close had to end
	Refused      = "refused"       // by the destination, for good
	TooBig       = "too large"     // by itself, for the destination
	SpoolDamaged = "spool damaged" // written, and not to be read again
)

// Stats counts records since New. Added = Sent + Queued + Spooled + Dropped at every moment.
type Stats struct {
	Added   uint64 // what was recovered from the spool included
	Sent    uint64 // taken by the destination
	Queued  uint64 // in memory
	Spooled uint64 // on disk
	Dropped uint64 // the sum of DroppedBy

	DroppedBy map[string]uint64 // by reason
	Recovered uint64            // found in the spool by New
	Retried   uint64            // attempts that failed and were to be made again
	Batches   uint64            // taken by the destination
	Bytes     uint64            // taken by the destination, uncompressed

	QueueBytes int   // held in memory now
	SpoolBytes int64 // on disk now

	Latency Latency
}

// Latency is a histogram of how long attempts took, failed ones included.
type Latency struct {
	Count   uint64
	Sum     time.Duration
	Buckets [numBounds]uint64 // of attempts of at most LatencyBounds()[i]; not cumulative, and the longest are in none
}

const numBounds = 12

// LatencyBounds returns the upper bounds of the buckets of Latency.
func LatencyBounds() [numBounds]time.Duration {
	const ms = time.Millisecond
	return [numBounds]time.Duration{ms, 2 * ms, 5 * ms, 10 * ms, 25 * ms, 50 * ms, 100 * ms, 250 * ms, 500 * ms, time.Second, 5 * time.Second, 10 * time.Second}
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

// Stats returns the counts of this moment.
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

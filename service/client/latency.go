package client

import (
	"math/bits"
	"sync"
	"sync/atomic"
	"time"
)

const (
	latencyBuckets = 4 * 36 // four for each doubling of a duration in µs
	latencyWindow  = 1000   // answers, after which older ones count half
	minAnswers     = 20     // to estimate a quantile
)

// latencies is a histogram of the durations of recent attempts. The durations it returns are
// exact to 25 %.
type latencies struct {
	p95, p99 atomic.Int64 // in ns; 0 with fewer than minAnswers answers
	fastest  atomic.Int64 // in ns

	mu     sync.Mutex
	counts [latencyBuckets]uint32
	total  uint32
	fresh  int // answers since the quantiles were estimated
}

// add counts an attempt.
func (l *latencies) add(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counts[latencyBucket(d)]++
	l.total++
	l.fresh++
	if l.total < minAnswers || l.fresh < minAnswers {
		return
	}
	l.fresh = 0
	if l.total >= latencyWindow {
		l.total = 0
		for i := range l.counts {
			l.counts[i] /= 2
			l.total += l.counts[i]
		}
	}
	l.estimate()
}

// estimate stores the quantiles.
func (l *latencies) estimate() {
	var below uint32
	var fastest, p95 int
	for i, n := range l.counts {
		if n == 0 {
			continue
		}
		if below == 0 {
			fastest = i
		}
		if below < l.total*95/100 {
			p95 = i
		}
		if below < l.total*99/100 {
			l.p99.Store(int64(latencyBound(i + 1)))
		}
		below += n
	}
	l.p95.Store(int64(latencyBound(p95 + 1)))
	l.fastest.Store(int64(latencyBound(fastest)))
}

// latencyBucket returns the bucket of a duration: the number of its bits in µs, and the two bits
// below the highest.
func latencyBucket(d time.Duration) int {
	us := uint64(max(0, d)/time.Microsecond) + 4 // so that there are two bits below the highest
	n := bits.Len64(us)
	return min(4*(n-3)+int(us>>(n-3)&3), latencyBuckets-1)
}

// latencyBound returns the lower bound of a bucket.
func latencyBound(i int) time.Duration {
	us := uint64(4+i%4) << (i / 4)
	return time.Duration(us-4) * time.Microsecond
}

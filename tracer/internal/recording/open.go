package recording

import (
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	openShards = 16
	// maxYoung and maxKept are the numbers of unfinished spans of a shard that are listed. Spans
	// that are never finished would otherwise use memory without bound.
	maxYoung = 256
	maxKept  = 768
)

// openSpans lists the unfinished spans of a Recorder, sharded by span id. A new span is listed
// among the young ones. When there are too many, the oldest one is forgotten, because no span names
// it. If one does, or once one does, it is listed among the kept ones instead. When there are too
// many of those, the oldest one is evicted and must be completed.
type openSpans struct{ shards [openShards]openShard }

type openShard struct {
	mu          sync.Mutex
	young, kept spanList
	forgotten   int // the number of spans that are unfinished and not listed
	closed      bool
	pending     atomic.Int32 // the number of listings that are pending
}

// A spanList is a doubly linked list of spans, oldest first.
type spanList struct {
	oldest, newest *span
	n              int
}

// A listing is a span's place in the lists. The lock of its shard guards it.
type listing struct {
	older, newer *span
	at           listedAt
	keep         bool        // the span must not be forgotten; guarded by the span's lock too
	pending      bool        // the span was evicted or closed before the recorder was, and not sent
	watched      atomic.Bool // by the sweeper
	live         bool        // see startedBefore
}

type listedAt uint8

const (
	nowhere listedAt = iota
	amongYoung
	amongKept
	forgotten
	evicted
)

func (o *openSpans) shard(s *span) *openShard { return &o.shards[s.own.ID%openShards] }

// add lists a span that starts. It may evict another one.
func (o *openSpans) add(s *span) (old *span) {
	sh := o.shard(s)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.closed {
		return nil
	}
	sh.young.push(s, amongYoung)
	if sh.young.n > maxYoung {
		switch old = sh.young.pop(); {
		case old.listing.keep:
			sh.kept.push(old, amongKept)
		default:
			old.listing.at = forgotten
			sh.forgotten++
		}
	}
	if sh.kept.n <= maxKept {
		return nil
	}
	old = sh.kept.pop()
	old.listing.at = evicted
	sh.add(old)
	return old
}

// add makes the listing of a span pending. The caller holds the lock.
func (sh *openShard) add(s *span) {
	s.listing.pending = true
	sh.pending.Add(1)
}

// done records that a span that was pending has been sent, or never will be.
func (o *openSpans) done(s *span) {
	if s.listing.pending {
		o.shard(s).pending.Add(-1)
	}
}

// begin makes Close wait for a replaced span that its owner finishes, until done is called.
func (o *openSpans) begin(s *span) (done func()) {
	sh := o.shard(s)
	sh.pending.Add(1)
	return func() { sh.pending.Add(-1) }
}

// wait waits until no span is pending, or until the time is over.
func (o *openSpans) wait(limit time.Duration) {
	for end := time.Now().Add(limit); time.Now().Before(end); <-time.After(time.Millisecond) {
		n := int32(0)
		for i := range o.shards {
			n += o.shards[i].pending.Load()
		}
		if n == 0 {
			return
		}
	}
}

// keep ensures that the span is not forgotten until it is closed. It reports false if that is too
// late, because the recorder is closed. The caller holds the span's lock.
func (o *openSpans) keep(s *span) bool {
	if s.listing.keep {
		return true
	}
	sh := o.shard(s)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	switch s.listing.at {
	case nowhere:
		return false
	case forgotten:
		if sh.closed {
			return false
		}
		sh.forgotten--
		sh.kept.push(s, amongKept)
	}
	s.listing.keep = true
	return true
}

// remove removes a span that is closed, and makes it pending. It reports false if the recorder no
// longer waits for the span.
func (o *openSpans) remove(s *span) bool {
	sh := o.shard(s)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	at := s.listing.at
	sh.leave(s)
	switch {
	case at == nowhere, at == forgotten && sh.closed:
		return false
	case at != evicted:
		sh.add(s)
	}
	return true
}

// abandon removes a span that stays unfinished.
func (o *openSpans) abandon(s *span) {
	sh := o.shard(s)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.leave(s)
}

func (sh *openShard) leave(s *span) {
	switch s.listing.at {
	case amongYoung:
		sh.young.remove(s)
	case amongKept:
		sh.kept.remove(s)
	case forgotten:
		sh.forgotten--
	}
	s.listing.at = nowhere
}

// listed yields the listed spans. The caller holds the lock.
func (sh *openShard) listed() iter.Seq[*span] {
	return func(yield func(*span) bool) {
		for _, first := range []*span{sh.kept.oldest, sh.young.oldest} {
			for s := first; s != nil; s = s.listing.newer {
				if !yield(s) {
					return
				}
			}
		}
	}
}

// watched returns the spans that the sweeper looks at.
func (o *openSpans) watched() (all []*span) {
	for i := range o.shards {
		sh := &o.shards[i]
		sh.mu.Lock()
		for s := range sh.listed() {
			if s.listing.watched.Load() {
				all = append(all, s)
			}
		}
		sh.mu.Unlock()
	}
	return all
}

// close returns the unfinished spans, and the number of those that are not listed. Spans that start
// later are not listed.
func (o *openSpans) close() (all []*span, forgotten int) {
	for i := range o.shards {
		sh := &o.shards[i]
		sh.mu.Lock()
		sh.closed = true
		all = slices.AppendSeq(all, sh.listed())
		forgotten += sh.forgotten
		sh.mu.Unlock()
	}
	return all, forgotten
}

// push adds the newest span.
func (l *spanList) push(s *span, at listedAt) {
	s.listing.at, s.listing.older = at, l.newest
	if l.newest != nil {
		l.newest.listing.newer = s
	} else {
		l.oldest = s
	}
	l.newest = s
	l.n++
}

// pop removes the oldest span.
func (l *spanList) pop() *span {
	s := l.oldest
	l.remove(s)
	return s
}

func (l *spanList) remove(s *span) {
	older, newer := s.listing.older, s.listing.newer
	if older != nil {
		older.listing.newer = newer
	} else {
		l.oldest = newer
	}
	if newer != nil {
		newer.listing.older = older
	} else {
		l.newest = older
	}
	s.listing.older, s.listing.newer, s.listing.at = nil, nil, nowhere
	l.n--
}

// Unfinished describes the spans that are unfinished at Close.
type Unfinished struct {
	Spans  int    // their number
	Oldest string // the name of the oldest one, as far as it is known
	Age    time.Duration
}

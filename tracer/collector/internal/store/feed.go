package store

import "slices"

// maxRemembered limits how many evictions a reader of changes may be behind.
const maxRemembered = 4096

// A feed numbers the changes of a store, so that readers can ask for those after a number.
type feed struct {
	seq       uint64
	startSeq  uint64
	cleared   uint64 // number of the last Clear
	lossesSeq uint64
	forgotten uint64 // number of the latest eviction that is not remembered
	removed   []removal
	wake      chan struct{} // closed at the next change; nil if no reader waits
}

type removal struct {
	seq     uint64
	traceID string
}

func (f *feed) start(seq uint64) { f.seq, f.startSeq = seq, seq }

func (f *feed) next() uint64 {
	f.seq++
	return f.seq
}

func (f *feed) evicted(traceID string) {
	if len(f.removed) >= 2*maxRemembered {
		f.forgotten = f.removed[maxRemembered-1].seq
		f.removed = append(f.removed[:0], f.removed[maxRemembered:]...)
	}
	f.removed = append(f.removed, removal{f.next(), traceID})
}

func (f *feed) clear() {
	f.removed = nil
	f.cleared = f.next()
}

// notify wakes the readers that wait.
func (f *feed) notify() {
	if f.wake != nil {
		close(f.wake)
		f.wake = nil
	}
}

// Changes are what has changed after a number.
type Changes struct {
	Seq       uint64    // ask for changes after this number next
	Gap       bool      // more has changed than is remembered: read everything anew
	Cleared   bool      // all traces before the summaries were forgotten
	Losses    bool      // the answer of Losses has changed
	Summaries []Summary // oldest change first
	Evicted   []string  // ids of traces
}

// Seq returns the number of the latest change.
func (s *Store) Seq() uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.feed.seq
}

// Wait returns a channel that is closed when there are changes after the number, or none of that
// number.
func (s *Store) Wait(after uint64) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.feed.seq != after {
		ready := make(chan struct{})
		close(ready)
		return ready
	}
	if s.feed.wake == nil {
		s.feed.wake = make(chan struct{})
	}
	return s.feed.wake
}

// Changes returns the changes after the number, with at most limit summaries. A trace that has
// changed several times is listed once.
func (s *Store) Changes(after uint64, limit int) Changes {
	s.mu.RLock()
	defer s.mu.RUnlock()
	f := &s.feed
	c := Changes{Seq: f.seq, Cleared: f.cleared > after, Losses: f.lossesSeq > after}
	if after < f.startSeq || after > f.seq || !c.Cleared && after < f.forgotten {
		return Changes{Seq: f.seq, Gap: true}
	}
	for t := s.newest; t != nil && t.seq > after; t = t.older {
		if len(c.Summaries) == limit {
			return Changes{Seq: f.seq, Gap: true}
		}
		c.Summaries = append(c.Summaries, t.summary())
	}
	slices.Reverse(c.Summaries)
	for i := len(f.removed) - 1; i >= 0 && f.removed[i].seq > after; i-- {
		c.Evicted = append(c.Evicted, f.removed[i].traceID)
	}
	return c
}

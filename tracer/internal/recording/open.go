package recording

import (
	"sync"
	"time"
)

const (
	openShards = 16
	// maxOpen is the number of unfinished spans of a shard that are kept. Spans that are never
	// finished would otherwise use memory without bound.
	maxOpen = 1024
)

// openSpans holds the unfinished spans of a Recorder in the order in which they started. It is
// sharded by span id.
type openSpans struct{ shards [openShards]openShard }

type openShard struct {
	mu             sync.Mutex
	oldest, newest *span
	n              int
	_              [32]byte // one cache line for each shard
}

func (o *openSpans) shard(s *span) *openShard { return &o.shards[s.own.ID%openShards] }

// add adds a span that starts. If the shard is full, it removes the oldest span and returns it.
func (o *openSpans) add(s *span) (evicted *span) {
	sh := o.shard(s)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.n == maxOpen {
		evicted = sh.oldest
		sh.unlink(evicted)
	}
	s.older = sh.newest
	if sh.newest != nil {
		sh.newest.newer = s
	} else {
		sh.oldest = s
	}
	sh.newest = s
	sh.n++
	return evicted
}

// remove removes a span, unless it has been evicted.
func (o *openSpans) remove(s *span) {
	sh := o.shard(s)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if s.older != nil || s.newer != nil || sh.oldest == s {
		sh.unlink(s)
	}
}

func (sh *openShard) unlink(s *span) {
	if s.older != nil {
		s.older.newer = s.newer
	} else {
		sh.oldest = s.newer
	}
	if s.newer != nil {
		s.newer.older = s.older
	} else {
		sh.newest = s.older
	}
	s.older, s.newer = nil, nil
	sh.n--
}

// all returns the unfinished spans.
func (o *openSpans) all() []*span {
	var all []*span
	for i := range o.shards {
		sh := &o.shards[i]
		sh.mu.Lock()
		for s := sh.oldest; s != nil; s = s.newer {
			all = append(all, s)
		}
		sh.mu.Unlock()
	}
	return all
}

// Unfinished describes the spans that are unfinished at Close.
type Unfinished struct {
	Spans  int    // their number
	Oldest string // the name of the oldest one, as far as it is known
	Age    time.Duration
}

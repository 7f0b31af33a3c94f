// Package store keeps traces in memory, within a bound, and answers what the collector's API asks.
package store

import (
	"maps"
	"slices"
	"sync"

	"bookservice/tracer/collector/internal/zipkinv2"
)

// A Store keeps traces. All methods may be called concurrently. Spans must not be changed once they
// were added.
type Store struct {
	maxBytes int64

	mu       sync.RWMutex
	traces   map[uint64]*trace // by the low 64 bits of the id
	oldest   *trace            // the list is in the order of the last change
	newest   *trace
	open     map[*trace]struct{} // those that have open spans
	bytes    int64
	services map[string]*service
	keys     []string // whose values are kept
	values   map[string]map[string]struct{}

	feed   feed
	losses losses
}

// A service is the names that the spans of one service have.
type service struct {
	traces  int
	names   map[string]struct{}
	remotes map[string]struct{}
}

// maxNames limits the names of one service, and the values of one key.
const maxNames = 10_000

// New returns an empty store for about maxBytes of spans. It keeps the values of the tags with
// these keys. Numbers of changes begin after start, which is above those of an earlier store.
func New(maxBytes int64, keys []string, start uint64) *Store {
	s := &Store{maxBytes: maxBytes, keys: keys}
	s.reset()
	s.values = map[string]map[string]struct{}{}
	s.feed.start(start)
	return s
}

func (s *Store) reset() {
	s.traces = map[uint64]*trace{}
	s.oldest, s.newest, s.bytes = nil, nil, 0
	s.open = map[*trace]struct{}{}
	s.services = map[string]*service{}
}

// Add stores spans. It removes the traces that have not changed for longest until all fit.
func (s *Store) Add(spans []*zipkinv2.Span) {
	if len(spans) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, span := range spans {
		s.add(span)
	}
	for s.bytes > s.maxBytes && s.oldest != nil {
		s.evict(s.victim())
	}
	s.feed.notify()
}

func (s *Store) add(span *zipkinv2.Span) {
	t := s.traces[span.TraceID.Low]
	if t == nil {
		t = &trace{low: span.TraceID.Low, ids: map[uint64]idState{}, bytes: traceBytes}
		s.traces[t.low] = t
		s.bytes += traceBytes
	}
	services := len(t.services)
	if !t.add(span) {
		return
	}
	size := sizeOf(span)
	t.bytes += size
	s.bytes += size
	if t.open > 0 {
		s.open[t] = struct{}{}
	} else {
		delete(s.open, t)
	}
	if len(t.services) > services {
		s.service(t.services[services].Name).traces++
	}
	s.learn(span)
	s.unlink(t)
	s.append(t)
	t.seq = s.feed.next()
}

func (s *Store) service(name string) *service {
	known := s.services[name]
	if known == nil {
		known = &service{names: map[string]struct{}{}, remotes: map[string]struct{}{}}
		s.services[name] = known
	}
	return known
}

// learn adds the names and values of a span to the lists.
func (s *Store) learn(span *zipkinv2.Span) {
	if name := span.LocalService(); name != "" {
		known := s.services[name]
		learn(known.names, span.Name)
		learn(known.remotes, span.RemoteService())
	}
	for _, key := range s.keys {
		if value, ok := span.Tag(key); ok {
			if s.values[key] == nil {
				s.values[key] = map[string]struct{}{}
			}
			if len(s.values[key]) < maxNames {
				s.values[key][value] = struct{}{}
			}
		}
	}
}

func learn(set map[string]struct{}, name string) {
	if name == "" || len(set) >= maxNames {
		return
	}
	if _, ok := set[name]; !ok {
		set[name] = struct{}{}
	}
}

func (s *Store) unlink(t *trace) {
	switch {
	case t.older != nil:
		t.older.newer = t.newer
	case s.oldest == t:
		s.oldest = t.newer
	}
	switch {
	case t.newer != nil:
		t.newer.older = t.older
	case s.newest == t:
		s.newest = t.older
	}
	t.older, t.newer = nil, nil
}

func (s *Store) append(t *trace) {
	t.older = s.newest
	if s.newest != nil {
		s.newest.newer = t
	} else {
		s.oldest = t
	}
	s.newest = t
}

// victim returns the trace to evict next: the one that has not changed for longest. A trace that
// alone takes more than half of the memory gives way to all others.
func (s *Store) victim() *trace {
	if s.newest.bytes > s.maxBytes/2 {
		return s.newest
	}
	return s.oldest
}

func (s *Store) evict(t *trace) {
	s.unlink(t)
	delete(s.traces, t.low)
	delete(s.open, t)
	s.bytes -= t.bytes
	for _, c := range t.services {
		known := s.services[c.Name]
		if known.traces--; known.traces == 0 {
			delete(s.services, c.Name)
		}
	}
	s.losses.evictedTraces++
	s.losses.evictedSpans += int64(len(t.spans))
	s.losses.change(&s.feed)
	s.feed.evicted(t.spans[t.root].TraceID.String())
}

// Clear forgets all traces. Counters stay.
func (s *Store) Clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reset()
	s.feed.clear()
	s.feed.notify()
}

// Oldest returns the start of the oldest trace, in microseconds since 1970, or 0.
func (s *Store) Oldest() (oldest int64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, t := range s.traces {
		if t.first != 0 && (oldest == 0 || t.first < oldest) {
			oldest = t.first
		}
	}
	return oldest
}

// Services returns the names of all services, sorted.
func (s *Store) Services() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.SortedFunc(maps.Keys(s.services), zipkinv2.Compare)
}

// SpanNames returns the names of the service's spans, sorted.
func (s *Store) SpanNames(name string) []string {
	return s.names(name, func(known *service) map[string]struct{} { return known.names })
}

// RemoteServices returns the names of the services that the service's spans call or are called by,
// sorted.
func (s *Store) RemoteServices(name string) []string {
	return s.names(name, func(known *service) map[string]struct{} { return known.remotes })
}

func (s *Store) names(name string, of func(*service) map[string]struct{}) []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	known := s.services[zipkinv2.Lower(name)]
	if known == nil {
		return nil
	}
	return slices.SortedFunc(maps.Keys(of(known)), zipkinv2.Compare)
}

// Values returns the values of the tags with this key, sorted.
func (s *Store) Values(key string) []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.SortedFunc(maps.Keys(s.values[key]), zipkinv2.Compare)
}

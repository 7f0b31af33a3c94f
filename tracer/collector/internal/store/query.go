package store

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"bookservice/tracer/collector/internal/zipkinv2"
)

// A Query selects traces. Empty fields select all. All conditions but the time are on spans of one
// service, if Service names it.
type Query struct {
	Service, RemoteService, SpanName string // in lower case
	// Annotations maps a tag's key to its value, or the text of an annotation or a tag's key to "".
	Annotations              map[string]string
	MinDuration, MaxDuration int64 // microseconds
	End, Lookback            int64 // milliseconds
	Limit                    int

	// Conditions that only summaries have.
	Text   string // in any text of one span, whatever the case
	Error  bool   // at least one span has failed
	Before uint64 // changed before this number; 0 is no limit

	now int64 // microseconds since 1970; 0 if open spans have no duration
}

// ParseAnnotations reads a query of annotations: terms that " and " separates.
func ParseAnnotations(query string) map[string]string {
	terms := map[string]string{}
	if query == "" {
		return terms
	}
	for _, term := range strings.SplitN(query, " and ", 100) {
		key, value, isTag := strings.Cut(term, "=")
		key = trim(key)
		if _, ok := terms[key]; isTag || !ok {
			terms[key] = trim(value)
		}
	}
	return terms
}

// trim removes what Java's String.trim does.
func trim(s string) string { return strings.TrimFunc(s, func(r rune) bool { return r <= ' ' }) }

// A view is a trace at one time. It can be read without the store's lock.
type view struct {
	low    uint64
	spans  []*zipkinv2.Span
	newest int64 // milliseconds, within the range that was asked for
}

// views returns the traces that have a span in the range of milliseconds, newest first, and which
// the filter keeps.
func (s *Store) views(begin, end int64, keep func(*trace) bool) []view {
	s.mu.RLock()
	views := make([]view, 0, 64)
	for _, t := range s.traces {
		if (t.newest >= begin || begin <= 0) && keep(t) {
			views = append(views, view{low: t.low, spans: t.spans, newest: t.newest})
		}
	}
	s.mu.RUnlock()
	kept := views[:0]
	for _, v := range views {
		if v.inRange(begin, end) {
			kept = append(kept, v)
		}
	}
	slices.SortFunc(kept, func(a, b view) int {
		return cmp.Or(cmp.Compare(b.newest, a.newest), cmp.Compare(b.low, a.low))
	})
	return kept
}

// inRange sets the newest time within the range. It reports false if there is none.
func (v *view) inRange(begin, end int64) bool {
	if begin <= v.newest && v.newest <= end {
		return true
	}
	found := false
	for _, s := range v.spans {
		ms := s.Timestamp / 1000
		if begin <= ms && ms <= end && (!found || ms > v.newest) {
			v.newest, found = ms, true
		}
	}
	return found
}

// ordered returns the spans as Zipkin's storage lists them: grouped by the millisecond of their
// start.
func ordered(spans []*zipkinv2.Span) []*zipkinv2.Span {
	index := map[int64]int{}
	var groups [][]*zipkinv2.Span
	for _, s := range spans {
		ms := s.Timestamp / 1000
		i, ok := index[ms]
		if !ok {
			i = len(groups)
			index[ms] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], s)
	}
	return slices.Concat(groups...)
}

// strict splits spans by their whole trace id.
func strict(spans []*zipkinv2.Span) [][]*zipkinv2.Span {
	var groups [][]*zipkinv2.Span
	index := map[zipkinv2.TraceID]int{}
	for _, s := range spans {
		i, ok := index[s.TraceID]
		if !ok {
			i = len(groups)
			index[s.TraceID] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], s)
	}
	return groups
}

// Trace returns the pieces of a trace, or nil.
func (s *Store) Trace(id zipkinv2.TraceID) []*zipkinv2.Span {
	for _, g := range strict(ordered(s.spans(id.Low))) {
		if g[0].TraceID == id {
			return g
		}
	}
	return nil
}

func (s *Store) spans(low uint64) []*zipkinv2.Span {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if t := s.traces[low]; t != nil {
		return t.spans
	}
	return nil
}

// TraceMany returns the traces that exist, in the order of the ids.
func (s *Store) TraceMany(ids []zipkinv2.TraceID) [][]*zipkinv2.Span {
	var found [][]*zipkinv2.Span
	seen := map[uint64]bool{}
	for _, id := range ids {
		if seen[id.Low] {
			continue
		}
		seen[id.Low] = true
		for _, g := range strict(ordered(s.spans(id.Low))) {
			if slices.Contains(ids, g[0].TraceID) {
				found = append(found, g)
			}
		}
	}
	return found
}

// Traces returns the traces that the query selects, newest first.
func (s *Store) Traces(q *Query) [][]*zipkinv2.Span {
	var found [][]*zipkinv2.Span
	for _, v := range s.views(q.End-q.Lookback, q.End, q.hasService) {
		if len(found) >= q.Limit {
			break
		}
		if !q.match(v.spans) {
			continue
		}
		spans := ordered(v.spans)
		if !q.inTime(spans) {
			continue
		}
		for _, g := range strict(spans) {
			if q.inTime(g) && q.match(g) {
				found = append(found, g)
			}
		}
	}
	return found
}

// InRange returns the spans of each trace that has one in the range of milliseconds, newest first.
func (s *Store) InRange(begin, end int64) [][]*zipkinv2.Span {
	views := s.views(begin, end, func(*trace) bool { return true })
	spans := make([][]*zipkinv2.Span, len(views))
	for i, v := range views {
		spans[i] = ordered(v.spans)
	}
	return spans
}

func (q *Query) hasService(t *trace) bool {
	return q.Service == "" || slices.ContainsFunc(t.services, func(c ServiceCount) bool {
		return c.Name == q.Service
	})
}

// inTime reports whether the root, or the earliest span if there is none, is in the range.
func (q *Query) inTime(spans []*zipkinv2.Span) bool {
	var at int64
	for _, s := range spans {
		if s.Timestamp == 0 {
			continue
		}
		if s.Parent == 0 {
			at = s.Timestamp
			break
		}
		if at == 0 || s.Timestamp < at {
			at = s.Timestamp
		}
	}
	return at != 0 && at >= (q.End-q.Lookback)*1000 && at <= q.End*1000
}

// match reports whether the spans meet all conditions but the time.
func (q *Query) match(spans []*zipkinv2.Span) bool {
	service, remote, name := q.Service == "", q.RemoteService == "", q.SpanName == ""
	duration := q.MinDuration == 0 && q.MaxDuration == 0
	text, failed := q.Text == "", !q.Error
	terms := newTermSet(q.Annotations)
	for _, s := range spans {
		if q.Service != "" && s.LocalService() != q.Service {
			continue
		}
		service = true
		terms.meet(s)
		remote = remote || s.RemoteService() == q.RemoteService
		name = name || s.Name == q.SpanName
		lasted := s.Duration
		if lasted == 0 && s.Timestamp != 0 && q.now != 0 {
			lasted = q.now - s.Timestamp // as far as is known, the span is open
		}
		duration = duration || lasted >= q.MinDuration &&
			(q.MaxDuration == 0 || lasted <= q.MaxDuration)
		text = text || contains(s, q.Text)
		if !failed {
			_, failed = s.Tag("error")
		}
	}
	return service && remote && name && duration && text && failed && terms.met()
}

// contains reports whether a text of the span contains the text, which is in lower case.
func contains(s *zipkinv2.Span, text string) bool {
	has := func(in string) bool { return strings.Contains(strings.ToLower(in), text) }
	for _, t := range s.Tags {
		if has(t.Key) || has(t.Value) {
			return true
		}
	}
	for _, a := range s.Annotations {
		if has(a.Value) {
			return true
		}
	}
	return has(s.Name) || has(s.LocalService()) || has(s.RemoteService()) ||
		has(s.TraceID.String()) || has(string(zipkinv2.AppendID(nil, s.ID)))
}

// A termSet is the annotations and tags of a query that no span has met.
type termSet struct {
	terms map[string]string
	found map[string]bool
}

func newTermSet(terms map[string]string) termSet {
	return termSet{terms, make(map[string]bool, len(terms))}
}

func (t termSet) met() bool { return len(t.found) == len(t.terms) }

func (t termSet) meet(s *zipkinv2.Span) {
	for key, want := range t.terms {
		if t.found[key] {
			continue
		}
		value, ok := s.Tag(key)
		ok = ok && (want == "" || value == want)
		if !ok && want == "" {
			ok = slices.ContainsFunc(s.Annotations, func(a zipkinv2.Annotation) bool {
				return a.Value == key
			})
		}
		if ok {
			t.found[key] = true
		}
	}
}

// Summaries returns summaries of the traces that the query selects, the last changed one first, and
// whether there are more. If q.End is 0, traces of all times are selected.
func (s *Store) Summaries(q *Query) (found []Summary, more bool) {
	before := q.Before
	for {
		batch, last := s.candidates(q, before)
		for _, c := range batch {
			q.now = 0
			if c.Open > 0 {
				q.now = time.Now().UnixMicro()
			}
			if !q.match(c.spans) || q.End != 0 && !q.inTime(c.spans) {
				continue
			}
			if len(found) == q.Limit {
				return found, true
			}
			found = append(found, c.Summary)
		}
		if last == 0 {
			return found, false
		}
		before = last
	}
}

type candidate struct {
	Summary

	spans []*zipkinv2.Span
}

// maxCandidates limits how many traces are looked at under the lock.
const maxCandidates = 500

// candidates returns traces that changed before a number and may be selected, the last changed one
// first. last is 0 if there are no more.
func (s *Store) candidates(q *Query, before uint64) (found []candidate, last uint64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for t := s.newest; t != nil; t = t.older {
		if before != 0 && t.seq >= before || q.Error && t.errors == 0 || !q.hasService(t) ||
			q.End != 0 && (t.first/1000 > q.End || t.last/1000 < q.End-q.Lookback) {
			continue
		}
		if len(found) == min(maxCandidates, q.Limit+1) {
			return found, last
		}
		found = append(found, candidate{t.summary(), t.spans})
		last = t.seq
	}
	return found, 0
}

package store

import (
	"cmp"
	"maps"
	"slices"
)

// maxSenders limits how many senders' losses are kept.
const maxSenders = 1000

// A Sender identifies a process that reports its losses.
type Sender struct{ Service, Instance string }

// SenderLosses is what one process has lost since a time, in microseconds since 1970.
type SenderLosses struct {
	Service  string      `json:"service"`
	Instance string      `json:"instance"`
	Since    int64       `json:"since"`
	Lost     []SpanCount `json:"lost"`
}

// A SpanCount is a number of spans and why they are counted.
type SpanCount struct {
	Reason string `json:"reason"`
	Spans  int64  `json:"spans"`
}

// CollectorLosses is what the collector has evicted and refused since its start.
type CollectorLosses struct {
	EvictedTraces int64       `json:"evictedTraces"`
	EvictedSpans  int64       `json:"evictedSpans"`
	Refused       []SpanCount `json:"refused"`
}

// Losses is what is known to be lost.
type Losses struct {
	Senders   []SenderLosses  `json:"senders"`
	Collector CollectorLosses `json:"collector"`
}

type losses struct {
	senders       map[Sender]*senderState
	refused       map[string]int64
	evictedTraces int64
	evictedSpans  int64
}

type senderState struct {
	since   int64
	lost    map[string]int64
	changed uint64
}

func (l *losses) change(f *feed) uint64 {
	f.lossesSeq = f.next()
	return f.lossesSeq
}

// Refuse counts spans that were not stored.
func (s *Store) Refuse(reason string, spans int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.losses.refused == nil {
		s.losses.refused = map[string]int64{}
	}
	s.losses.refused[reason] += spans
	s.losses.change(&s.feed)
	s.feed.notify()
}

// ReportLosses stores the totals of a sender. A total that is lower than the stored one is of an
// earlier report that has arrived late; it has no effect.
func (s *Store) ReportLosses(sender Sender, since int64, lost []SpanCount) {
	s.mu.Lock()
	defer s.mu.Unlock()
	state := s.losses.senders[sender]
	if state == nil {
		if len(lost) == 0 {
			return
		}
		state = s.addSender(sender)
	}
	changed := false
	if state.since == 0 || since != 0 && since < state.since {
		state.since, changed = since, true
	}
	for _, c := range lost {
		if c.Spans > state.lost[c.Reason] && (state.lost[c.Reason] > 0 || len(state.lost) < 32) {
			state.lost[c.Reason], changed = c.Spans, true
		}
	}
	if changed {
		state.changed = s.losses.change(&s.feed)
		s.feed.notify()
	}
}

// addSender adds a sender, and removes the one that has not changed for longest if there are too
// many.
func (s *Store) addSender(sender Sender) *senderState {
	l := &s.losses
	if l.senders == nil {
		l.senders = map[Sender]*senderState{}
	}
	if len(l.senders) >= maxSenders {
		oldest := slices.MinFunc(slices.Collect(maps.Keys(l.senders)), func(a, b Sender) int {
			return cmp.Compare(l.senders[a].changed, l.senders[b].changed)
		})
		delete(l.senders, oldest)
	}
	state := &senderState{lost: map[string]int64{}}
	l.senders[sender] = state
	return state
}

// Losses returns what is known to be lost, sorted by name.
func (s *Store) Losses() Losses {
	s.mu.RLock()
	defer s.mu.RUnlock()
	l := &s.losses
	all := Losses{Senders: []SenderLosses{}, Collector: CollectorLosses{
		EvictedTraces: l.evictedTraces, EvictedSpans: l.evictedSpans, Refused: counts(l.refused),
	}}
	for sender, state := range l.senders {
		all.Senders = append(all.Senders, SenderLosses{
			Service: sender.Service, Instance: sender.Instance,
			Since: state.since, Lost: counts(state.lost),
		})
	}
	slices.SortFunc(all.Senders, func(a, b SenderLosses) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Instance, b.Instance))
	})
	return all
}

func counts(m map[string]int64) []SpanCount {
	list := []SpanCount{}
	for _, reason := range slices.Sorted(maps.Keys(m)) {
		list = append(list, SpanCount{reason, m[reason]})
	}
	return list
}

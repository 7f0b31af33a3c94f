package recording

import (
	"slices"
	"time"

	"bookservice/tracer/finished"
)

// A LiveSink also receives what is known of a span before it ends: the duration is 0. The finished
// span with the same id follows. LiveSink's ConsumeLive has the rules of [Sink.Consume].
type LiveSink interface {
	ConsumeLive(s *finished.Span, buf []byte) []byte
}

// sweepLive hands the spans to the sinks that have lasted for Config.LiveAfter, each once. It
// reports whether there are others.
func (r *Recorder) sweepLive(now time.Time) (more bool) {
	if r.cfg.LiveAfter <= 0 {
		return false
	}
	old, more := r.open.startedBefore(now.Add(-r.cfg.LiveAfter))
	for _, s := range old {
		if piece := s.live(); piece != nil {
			r.live.Add(1)
			r.replay(piece)
		}
	}
	return more
}

// startedBefore returns the listed spans that started before the time and were not returned before.
// It reports whether there are younger ones.
func (o *openSpans) startedBefore(limit time.Time) (old []*span, more bool) {
	for i := range o.shards {
		sh := &o.shards[i]
		sh.mu.Lock()
		for s := range sh.listed() {
			switch {
			case s.listing.live:
			case s.start.Before(limit):
				s.listing.live = true
				old = append(old, s)
			default:
				more = true
			}
		}
		sh.mu.Unlock()
	}
	return old, more
}

// live returns a copy of an unfinished span as it is now, or nil if it has ended. The span must be
// reported from now on, and so must the parent that the copy names.
func (s *span) live() *span {
	s.mu.Lock()
	if s.fate != unfinished || s.denied() || !s.tracer.open.keep(s) {
		s.mu.Unlock()
		return nil
	}
	freed := s.family.setNamed()
	piece := &span{
		tracer: s.tracer, own: s.own, isLive: true, kind: s.kind, priority: s.priority,
		failed: s.failed, remoteParent: s.remoteParent, reportedParent: s.reportedParent,
		start: s.start, name: s.name, peer: s.peer, errorText: s.errorText,
		tags: slices.Clone(s.tags), logs: s.logs.clone(),
	}
	parent := s.family.parent
	s.mu.Unlock()
	freed.send()
	for parent != nil {
		if id, ok := parent.nameOf(); ok {
			piece.setParent(id, false)
			break
		}
		parent.mu.Lock()
		piece.takeParentOf(parent)
		next := parent.family.parent
		parent.mu.Unlock()
		parent = next
	}
	return piece
}

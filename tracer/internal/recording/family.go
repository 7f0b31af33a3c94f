package recording

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/opentracing/opentracing-go"

	"bookservice/tracer/finished"
	"bookservice/tracer/internal/spancontext"
)

// No span may name a parent that is never reported. But some spans are never finished: go-kit's
// GRPCToContext and HTTPToContext start a SERVER span and leave it, and its TraceServer starts
// another SERVER span below it. An unfinished span therefore ends in one of these ways:
//
//   - Its owner finishes it, at any time. This is the usual way.
//   - It is replaced. If its request ends within deferTimeout of the end of its only finished
//     child, and both are SERVER spans, the child takes its place: the child gets its parent,
//     start, tags and log records. The child is deferred until then.
//   - It is completed by the Recorder. A SERVER span is completed overdueTimeout after the end of
//     its request. Any span that another one names is completed at Close, or when there are too
//     many unfinished ones.
//   - It is dropped, if sampling.priority is 0.
//
// If no span names it at Close, it stays unfinished, and no span may name it from then on.
//
// The request of a SERVER span ends when the context that holds the span is done. If the context
// can never be done, the request counts as ended idleTimeout after the last child.
const (
	deferTimeout = time.Second
	// overdueTimeout is how long a SERVER span may take to finish after its request has ended. A
	// handler may go on after its client has hung up.
	overdueTimeout = 10 * time.Second
	idleTimeout    = time.Minute
)

const (
	// tagOuterName has the name of a span that was replaced, if it differs.
	tagOuterName = "outer_name"
	// tagUnfinished marks a span that was completed before its request had ended.
	tagUnfinished = "unfinished"
)

// A fate is how a span has ended.
type fate uint8

const (
	unfinished fate = iota
	reported        // handed to the sinks, or deferred
	replaced        // by its child
	dropped
	late // handed to the sinks too late, because they may be closed
)

// A family is what a span knows of its relatives in this process. The span's lock guards it.
type family struct {
	parent      *span           // nil if it is not recorded here, and once the span is reported
	deferred    *span           // the SERVER child that may replace the span
	successor   uint64          // the id of the child that has replaced the span
	request     <-chan struct{} // closed when the request has ended; nil if that is not known
	changed     time.Duration   // age at which a child last finished, or the request ended
	named       bool            // a reported span names the span, or may do so
	serverChild bool            // one of them is a SERVER span of this process
	endless     bool            // the context that holds the span can never be done
	over        bool            // the request was seen to have ended
}

// settle hands a finished span to the sinks, unless its parent defers it. The span then names a
// parent that is reported too.
func (s *span) settle(parent *span) {
	for parent != nil {
		next, isDeferred, freed := parent.adopt(s)
		freed.send()
		if isDeferred {
			return
		}
		parent = next
	}
	s.send()
}

// adopt takes a finished child. It returns the next span to ask, which is nil if the child now
// names a span that is reported; whether the child is deferred; and a child that no longer is.
func (s *span) adopt(child *span) (next *span, isDeferred bool, freed *span) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := &s.family
	switch {
	case s.fate == reported:
		return nil, false, nil
	case s.fate == replaced:
		child.setParent(f.successor, false)
		return nil, false, nil
	case s.fate == dropped || s.fate == late || s.denied() || !s.tracer.open.keep(s):
		child.takeParentOf(s)
		return f.parent, false, nil
	}
	f.changed = s.age(time.Now())
	s.duration = max(s.duration, child.end().Sub(s.start))
	server := s.kind == kindServer && child.kind == kindServer
	if server && !f.named && f.deferred == nil && !f.ended() && s.tracer == child.tracer {
		f.deferred = child
		s.watch()
		return nil, true, nil
	}
	f.serverChild = f.serverChild || server
	return nil, false, f.setNamed()
}

// setNamed records that another span names this one, which must be reported therefore. It returns
// the child that is no longer deferred. The caller holds the lock.
func (f *family) setNamed() (freed *span) {
	f.named = true
	if freed = f.deferred; freed != nil {
		f.deferred, f.serverChild = nil, true
	}
	return freed
}

// nameOf returns the id that a span below this one may name as its parent: its own, or that of its
// successor. It reports false if there is none.
func (s *span) nameOf() (id uint64, ok bool) {
	s.mu.Lock()
	var freed *span
	switch {
	case s.fate == reported:
		id, ok = s.own.ID, true
	case s.fate == replaced:
		id, ok = s.family.successor, true
	case s.fate == unfinished && !s.denied() && s.tracer.open.keep(s):
		id, ok, freed = s.own.ID, true, s.family.setNamed()
	}
	s.mu.Unlock()
	freed.send()
	return id, ok
}

// takeParentOf makes the parent of outer the parent of the span. The caller holds the lock of
// outer, or outer is dropped.
func (s *span) takeParentOf(outer *span) { s.setParent(outer.reportedParent, outer.remoteParent) }

// setParent changes the parent of a finished span. The caller may hold the lock of the former
// parent: locks are taken from a parent to its child.
func (s *span) setParent(id uint64, remote bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reportedParent, s.remoteParent = id, remote
}

// denied reports whether sampling.priority is 0, and no other span names this one yet. The caller
// holds the lock.
func (s *span) denied() bool { return s.priority == spancontext.Deny && !s.family.named }

// close gives the span its fate and ends writing to it. The caller holds the lock. It releases the
// lock before it settles the ending.
func (s *span) close(f fate) ending {
	e := ending{span: s, parent: s.family.parent, deferred: s.family.deferred}
	if !s.tracer.open.remove(s) && f == reported {
		f = late
	}
	s.fate = f
	s.family.deferred, s.family.request = nil, nil
	if f == reported || f == replaced {
		s.family.parent = nil // otherwise a chain of spans would keep all of its members in memory
	}
	return e
}

// An ending is a span that has been closed, with the relatives that it had. The zero ending is
// that of no span.
type ending struct {
	span, parent, deferred *span
	isUnfinished           bool // the span has the tag unfinished
}

func (e ending) settle() {
	switch {
	case e.span == nil:
		return
	case e.span.fate == late:
		e.span.settle(e.parent)
		e.span.mu.Lock()
		e.span.family.parent = nil // its parent is settled; compare close
		e.span.mu.Unlock()
		return
	case e.span.fate == reported:
		e.span.settle(e.parent)
		e.deferred.send()
		return
	case e.span.fate == replaced:
		e.deferred.settle(e.parent)
	case e.deferred != nil: // dropped
		e.deferred.takeParentOf(e.span)
		e.deferred.settle(e.parent)
	}
	e.span.tracer.open.done(e.span)
}

// complete closes a span that its owner is not expected to finish. If the request has ended, the
// span ends when its last child ended, else now. The caller holds the lock, as for close.
func (s *span) complete(now time.Time) ending {
	f := &s.family
	if s.denied() {
		s.tracer.unsampled.Add(1)
		return s.close(dropped)
	}
	over := f.ended()
	abandoned := over || f.request == nil
	if f.deferred != nil && abandoned {
		f.successor = f.deferred.own.ID
		f.deferred.replace(s)
		return s.close(replaced)
	}
	if f.serverChild && abandoned {
		s.kind = kindNone // one call has one SERVER span
	}
	if !over {
		s.duration = max(s.duration, s.age(now))
		s.tags = setTag(s.tags, finished.Tag{
			Key: tagUnfinished, Value: "true", Type: finished.Bool,
		})
		s.tracer.unfinished.Add(1)
	}
	e := s.close(reported)
	e.isUnfinished = !over
	return e
}

// replace gives the span, which has finished, the place of outer and what was set on it.
func (s *span) replace(outer *span) {
	s.takeParentOf(outer)
	if end := s.end(); outer.start.Before(s.start) {
		s.start, s.duration = outer.start, end.Sub(outer.start)
	}
	for _, t := range outer.tags {
		if !slices.ContainsFunc(s.tags, func(own finished.Tag) bool { return own.Key == t.Key }) {
			s.putTag(t)
		}
	}
	if outer.name != s.name {
		s.tags = setTag(s.tags, finished.Tag{Key: tagOuterName, Value: outer.name})
	}
	s.logs, s.links = outer.logs.with(s.logs), s.links.and(outer.links)
	s.peer = s.peer.or(outer.peer)
	s.failed = s.failed || outer.failed
	s.errorText = cmp.Or(s.errorText, outer.errorText)
	s.priority = max(s.priority, outer.priority)
	s.clamped = s.clamped || outer.clamped
}

// ended reports whether the request is known to have ended.
func (f *family) ended() bool {
	select {
	case <-f.request:
		return true
	default:
		return f.over
	}
}

// ContextWithSpanHook implements [opentracing.TracerContextWithSpanExtension].
func (r *Recorder) ContextWithSpanHook(ctx context.Context, sp opentracing.Span) context.Context {
	if s, ok := sp.(*span); ok && ctx != nil {
		s.placeIn(ctx)
	}
	return ctx
}

// placeIn makes ctx the context of the request of a SERVER span, unless that is known.
func (s *span) placeIn(ctx context.Context) {
	s.mu.Lock()
	wanted := s.fate == unfinished && s.kind == kindServer && s.family.request == nil
	s.mu.Unlock()
	if !wanted {
		return
	}
	done := ctx.Done() // may call the user's code, which may use the span
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fate == unfinished {
		s.family.request, s.family.endless = done, done == nil
		s.watch()
	}
}

// watch makes the sweeper look at the span.
func (s *span) watch() {
	s.listing.watched.Store(true)
	s.tracer.sweeper.wake()
}

// sweep closes the span if its owner is not expected to finish it, and decides what becomes of a
// deferred child.
func (s *span) sweep(now time.Time) {
	s.mu.Lock()
	e, freed := s.review(now)
	s.mu.Unlock()
	freed.send()
	e.settle()
}

// review is the part of sweep that needs the lock. It returns a child that is no longer deferred.
func (s *span) review(now time.Time) (e ending, freed *span) {
	f, age := &s.family, s.age(now)
	if s.fate != unfinished {
		return e, nil
	}
	if !f.over {
		switch f.over = f.ended(); {
		case f.over && f.deferred == nil:
			f.changed = age
		case !f.over && f.request != nil:
			s.duration = max(s.duration, age)
		}
	}
	waited := age - f.changed
	switch {
	case f.deferred != nil && waited < deferTimeout:
	case f.deferred != nil && !f.over:
		freed = f.setNamed()
	case f.deferred != nil, f.over && waited >= overdueTimeout:
		e = s.complete(now)
	case f.endless && f.named && waited >= idleTimeout:
		f.over = true
		e = s.complete(now)
	}
	return e, freed
}

// closeAtLast completes an unfinished span when its recorder is closed, if it must be reported. It
// does not expect others to be named if last is true. It reports whether the span was completed,
// and whether it counts as unfinished.
func (s *span) closeAtLast(now time.Time, last bool) (completed, isUnfinished bool) {
	s.mu.Lock()
	var e ending
	switch f := &s.family; {
	case s.fate != unfinished:
	case f.named || f.deferred != nil || f.ended() || s.denied():
		e = s.complete(now)
		isUnfinished = e.isUnfinished
	case last:
		s.tracer.unfinished.Add(1)
		s.tracer.open.abandon(s)
		isUnfinished = true
	}
	s.mu.Unlock()
	e.settle()
	return e.span != nil, isUnfinished
}

package recording

import (
	"context"
	"slices"
	"time"

	"github.com/opentracing/opentracing-go"

	"bookservice/tracer/finished"
	"bookservice/tracer/internal/spancontext"
)

// No span may name a parent that is never reported. But some parents are never finished: go-kit's
// GRPCToContext and HTTPToContext start a SERVER span and leave it, and its TraceServer starts
// another SERVER span below it. A span with finished children is therefore reported in one of these
// ways:
//
//   - It finishes, at any time. This is the usual way.
//   - It is replaced. If its request is over, and its only finished child is a SERVER span like
//     itself, the child takes its place: the child gets its parent, start, tags and log records.
//     The child is deferred until then, for at most deferTimeout.
//   - It is completed by the Recorder: a SERVER span when its request is over, and any other span
//     when there are too many unfinished ones, or at Close. If a SERVER span is below it, it is
//     completed without a kind, so that one call has one SERVER span.
//
// The request of a span is over when the context that holds the span is done. If the context can
// never be done, it is over after idleTimeout without a new child.
const (
	deferTimeout = time.Second
	// graceTimeout is how long a SERVER span may take to finish after its request is over.
	graceTimeout = time.Second
	idleTimeout  = time.Minute
	// maxDeferred is the number of spans that are deferred at once. It bounds their memory.
	maxDeferred = 10000
)

const (
	// tagOuterName has the name of a span that was replaced, if it differs.
	tagOuterName = "outer_name"
	// tagUnfinished marks a span that the Recorder completed before its request was over.
	tagUnfinished = "unfinished"
)

// A fate is what became of a span.
type fate uint8

const (
	unfinished fate = iota
	reported        // handed to the sinks, or deferred
	dropped         // by sampling.priority 0
	replaced        // by its child
)

// A family is what a span records about its finished children. The span's lock guards it.
type family struct {
	deferred    *deferred // the SERVER child that may replace the span
	since       time.Time // when deferred finished
	pinned      bool      // a reported child names the span, so it must be reported
	serverChild bool      // a reported child is a SERVER span
	lastEnd     time.Time // when the last child ended
	changed     time.Time // when a child last finished
	overSince   time.Time // when the request was first seen to be over
	swept       bool      // the sweeper looks at the span
	successor   uint64    // the child that replaced the span
}

// A deferred span is finished, and has not been handed to the sinks yet.
type deferred struct {
	span *span
	end  time.Time
}

func (d deferred) send() { d.span.tracer.replay(d.span, d.end.Sub(d.span.start)) }

func sendAll(all []deferred) {
	for _, d := range all {
		d.send()
	}
}

// settle hands a finished span to the sinks, or defers it, so that the parent it names is reported.
func settle(parent *span, child deferred) {
	for parent != nil {
		verdict, release := parent.adopt(child)
		parent.tracer.trackAgain(parent)
		sendAll(release)
		switch verdict {
		case adoptDeferred:
			return
		case adoptSend:
			child.send()
			return
		}
		parent = parent.parent // never changes once the parent is dropped
	}
	child.send()
}

// The results of adopt.
const (
	adoptSend     = iota // the child is to be sent
	adoptDeferred        // the child is deferred
	adoptAbove           // the child names the parent's own parent now
)

// adopt takes a finished child. release returns children that are no longer deferred.
func (s *span) adopt(child deferred) (verdict int, release []deferred) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch s.fate {
	case reported:
		return adoptSend, nil
	case dropped:
		child.span.reparent(s.reportedParent, s.remoteParent)
		return adoptAbove, nil
	case replaced:
		child.span.reparent(s.family.successor, false)
		return adoptSend, nil
	}
	f := s.newFamily()
	f.changed = time.Now()
	if child.end.After(f.lastEnd) {
		f.lastEnd = child.end
	}
	server := child.span.kind == kindServer && s.kind == kindServer
	if server && !f.pinned && f.deferred == nil && s.tracer.acquireDeferred() {
		f.deferred, f.since = &child, f.changed
		return adoptDeferred, nil
	}
	f.serverChild = f.serverChild || server
	return adoptSend, s.pin()
}

// newFamily returns the span's family. The caller holds the lock.
func (s *span) newFamily() *family {
	if s.family == nil {
		s.family = &family{}
	}
	if s.kind == kindServer && !s.family.swept {
		s.family.swept = true
		s.tracer.sweeper.add()
	}
	return s.family
}

// pin ensures that the span is reported, because a child that names it is. It returns the child
// that is no longer deferred. The caller holds the lock.
func (s *span) pin() (release []deferred) {
	s.family.pinned = true
	if d := s.releaseDeferred(); d != nil {
		s.family.serverChild = true
		return []deferred{*d}
	}
	return nil
}

// ensureReported pins the span for a child that is about to name it.
func (s *span) ensureReported() {
	s.mu.Lock()
	var release []deferred
	if s.fate == unfinished {
		s.newFamily().changed = time.Now()
		release = s.pin()
	}
	s.mu.Unlock()
	s.tracer.trackAgain(s)
	sendAll(release)
}

func (s *span) releaseDeferred() (d *deferred) {
	if d = s.family.deferred; d != nil {
		s.family.deferred = nil
		s.tracer.deferred.Add(-1)
	}
	return d
}

// acquireDeferred reports whether one more span may be deferred.
func (r *Recorder) acquireDeferred() bool {
	if r.deferred.Add(1) <= maxDeferred && !r.closed.Load() {
		return true
	}
	r.deferred.Add(-1)
	return false
}

// reparent changes the parent that a finished span names.
func (s *span) reparent(parent uint64, remote bool) {
	s.reportedParent, s.remoteParent = parent, remote
}

// close ends writing to the span, and returns the child that was deferred. The caller holds the
// lock.
func (s *span) close(f fate) (d *deferred) {
	s.done, s.fate, s.request = true, f, nil
	if s.family == nil {
		return nil
	}
	if s.family.swept {
		s.tracer.sweeper.remove()
	}
	return s.releaseDeferred()
}

// sweep decides the fate of a SERVER span whose request may be over.
func (s *span) sweep(now time.Time) {
	s.mu.Lock()
	f := s.family
	if s.done || f == nil || !f.swept {
		s.mu.Unlock()
		return
	}
	over, known := s.requestOver()
	if over && f.overSince.IsZero() {
		f.overSince = now
	}
	replaceable := f.deferred != nil && !f.pinned
	switch {
	case over && (replaceable || now.Sub(f.overSince) >= graceTimeout):
		s.complete(f.lastEnd, false)
		return
	case !known && now.Sub(f.changed) >= idleTimeout:
		s.complete(f.lastEnd, true)
		return
	}
	var release []deferred
	if replaceable && now.Sub(f.since) >= deferTimeout {
		release = s.pin()
	}
	s.mu.Unlock()
	sendAll(release)
}

// denied reports whether the span is not to be reported: sampling.priority was set to 0, and no
// reported child names the span. The caller holds the lock.
func (s *span) denied() bool {
	return s.priority == spancontext.Deny && (s.family == nil || !s.family.pinned)
}

// completeAtClose completes the span if it has finished children. It reports whether the span was
// not expected to finish.
func (s *span) completeAtClose(now time.Time) bool {
	s.mu.Lock()
	f := s.family
	if s.done || f == nil {
		s.mu.Unlock()
		return s.done
	}
	over, _ := s.requestOver()
	switch {
	case over:
		s.complete(f.lastEnd, false)
	case f.deferred != nil && !f.pinned:
		s.complete(now, false)
	default:
		s.complete(now, true)
		return false
	}
	return true
}

// complete decides the fate of a span with finished children that is not expected to finish: it is
// replaced, or reported with the given end. The caller holds the lock, which complete releases.
func (s *span) complete(end time.Time, mark bool) {
	f := s.family
	parent := s.parent
	if s.denied() {
		child := s.close(dropped)
		s.mu.Unlock()
		s.tracer.drop(s, child)
		return
	}
	if f.deferred != nil && !f.pinned {
		successor := s.close(replaced)
		f.successor = successor.span.own.ID
		successor.span.replace(s)
		s.mu.Unlock()
		s.tracer.ended(s)
		settle(parent, *successor)
		return
	}
	s.close(reported)
	if f.serverChild {
		s.kind = kindNone
	}
	if mark {
		s.putTag(finished.Tag{Key: tagUnfinished, Value: "true", Type: finished.Bool})
	}
	s.parent = nil // as in FinishWithOptions
	s.mu.Unlock()
	s.tracer.ended(s)
	settle(parent, deferred{s, end})
}

// replace gives the span, which has finished, the place of outer and what was said about it.
func (s *span) replace(outer *span) {
	s.reparent(outer.reportedParent, outer.remoteParent)
	s.start = outer.start
	for _, t := range outer.tags {
		if !slices.ContainsFunc(s.tags, func(own finished.Tag) bool { return own.Key == t.Key }) {
			s.putTag(t)
		}
	}
	if outer.name != s.name {
		s.putTag(finished.Tag{Key: tagOuterName, Value: outer.name})
	}
	s.logs = append(slices.Clone(outer.logs), s.logs...)
	if s.peer == (peer{}) {
		s.peer = outer.peer
	}
	if s.errorTag() == "" {
		s.failed, s.errorText, s.errorMessage = outer.failed, outer.errorText, outer.errorMessage
	}
}

// requestOver reports whether the span's request is over, and whether that can be known. The caller
// holds the lock.
func (s *span) requestOver() (over, known bool) {
	if s.request == nil {
		return false, false
	}
	return s.request.Err() != nil, true
}

// ContextWithSpanHook implements [opentracing.TracerContextWithSpanExtension]: the context of a
// request tells when the request of its SERVER span is over.
func (r *Recorder) ContextWithSpanHook(ctx context.Context, sp opentracing.Span) context.Context {
	if s, ok := sp.(*span); ok && ctx.Done() != nil {
		s.mu.Lock()
		if !s.done && s.request == nil {
			s.request = ctx
		}
		s.mu.Unlock()
	}
	return ctx
}

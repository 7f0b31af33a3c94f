package recording

import (
	"sync"
	"time"

	"github.com/openzipkin/zipkin-go/model"
)

const (
	// deferTimeout is how long a finished SERVER span waits for the Finish of its server parent.
	deferTimeout = time.Second
	// maxPending is the number of server parents that are waited for at once. It bounds the memory
	// that a service with more calls within deferTimeout would use.
	maxPending = 10000
)

// go-kit's GRPCToContext and HTTPToContext start a SERVER span that is never finished, and its
// TraceServer starts a child of that span. If the child were reported at once, it would name a
// parent that no backend ever receives. A finished SERVER span directly below an unfinished SERVER
// span of this process, its server parent, is therefore deferred until the parent finishes. If the
// parent does not finish within deferTimeout, or too many parents are pending, the child is
// re-parented: it is reported as a child of the parent's own parent.

// A deferred span is finished, and not sent yet.
type deferred struct {
	span     *span
	duration time.Duration
}

func (d deferred) send() { d.span.tracer.replay(d.span, d.duration) }

// reparent makes the parent of outer the parent of the deferred span.
func (d deferred) reparent(outer *span) {
	d.span.reportedParent, d.span.remoteParent = outer.own.ParentID, outer.remoteParent
}

// pending holds the unfinished SERVER spans that have deferred children.
type pending struct {
	mu     sync.Mutex
	timers map[*span]*time.Timer
	closed bool
}

// serverParent returns the unfinished SERVER span of this process that is the parent, or nil.
func (s *start) serverParent() *span {
	c, ok := s.childOf.(*recordedContext)
	if !ok {
		return nil
	}
	parent := c.span
	parent.mu.Lock()
	defer parent.mu.Unlock()
	if parent.done || parent.kind != model.Server {
		return nil
	}
	return parent
}

// deferTo reports whether d was queued on outer. If outer has been abandoned, d is re-parented
// instead.
func (r *Recorder) deferTo(outer *span, d deferred) bool {
	outer.mu.Lock()
	defer outer.mu.Unlock()
	switch {
	case outer.done:
		return false
	case outer.abandoned || !r.watch(outer):
		d.reparent(outer)
		return false
	}
	outer.deferredChildren = append(outer.deferredChildren, d)
	return true
}

// watch starts the timer of an unfinished span, unless it runs already. It reports false if the
// recorder is closed or watches too many spans.
func (r *Recorder) watch(outer *span) bool {
	p := &r.pending
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return false
	case p.timers[outer] != nil:
		return true
	case len(p.timers) == maxPending:
		return false
	case p.timers == nil:
		p.timers = map[*span]*time.Timer{}
	}
	p.timers[outer] = time.AfterFunc(deferTimeout, func() { r.abandon(outer) })
	return true
}

// abandon stops waiting for the Finish of outer. It re-parents and sends the deferred children.
func (r *Recorder) abandon(outer *span) {
	r.unwatch(outer)
	outer.mu.Lock()
	children := outer.deferredChildren
	if !outer.done {
		outer.deferredChildren, outer.abandoned = nil, true
	} else {
		children = nil // outer has finished meanwhile and sends them itself
	}
	outer.mu.Unlock()
	for _, d := range children {
		d.reparent(outer)
		d.send()
	}
}

func (r *Recorder) unwatch(outer *span) {
	r.pending.mu.Lock()
	defer r.pending.mu.Unlock()
	if timer := r.pending.timers[outer]; timer != nil {
		timer.Stop()
		delete(r.pending.timers, outer)
	}
}

// abandonAll abandons every span that has deferred children. No further spans are deferred.
func (r *Recorder) abandonAll() {
	r.pending.mu.Lock()
	r.pending.closed = true
	var all []*span
	for s := range r.pending.timers {
		all = append(all, s)
	}
	r.pending.mu.Unlock()
	for _, s := range all {
		r.abandon(s)
	}
}

package tracer

import (
	"sync"
	"time"

	"github.com/openzipkin/zipkin-go/model"
)

const (
	// placeWait is how long a SERVER span that ended within another one of this process waits for that one to end.
	placeWait = time.Second
	// maxAwaited is how many unfinished spans are waited for at once: a service with more calls in placeWait shall not hold
	// the spans of all of them.
	maxAwaited = 10000
)

// go-kit's GRPCToContext and HTTPToContext start a SERVER span that nothing finishes, and its TraceServer starts another
// one below it. Reported as they come, the inner span would name a parent that nobody ever sees. So a finished SERVER span
// directly below an unfinished one of this process is held until the outer one is finished too; if that does not happen
// within placeWait, or too many are waited for, the inner span takes the outer one's place in the trace: its parent is the
// outer one's.

// held is a finished span that waits for the span above it.
type held struct {
	span     *span
	duration time.Duration
}

func (h held) send() { h.span.tracer.replay(h.span, h.duration) }

// takePlaceOf makes the outer span's parent that of the held one.
func (h held) takePlaceOf(outer *span) {
	h.span.exported, h.span.fromRemote = outer.own.parentID, outer.fromRemote
}

// waiting are the unfinished SERVER spans below which finished ones are held.
type waiting struct {
	mu     sync.Mutex
	timers map[*span]*time.Timer
	closed bool
}

// serverAbove returns the unfinished SERVER span of this process that the reference names, or nil.
func serverAbove(parent *SpanContext) *span {
	if parent == nil || parent.of == nil {
		return nil
	}
	s := parent.of
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done || s.kind != model.Server {
		return nil
	}
	return s
}

// holdBelow reports whether the finished inner span is left to outer, which is unfinished, or has been left by its owner.
func (r *recorder) holdBelow(outer *span, inner held) bool {
	outer.mu.Lock()
	defer outer.mu.Unlock()
	switch {
	case outer.done:
		return false
	case outer.left || !r.await(outer):
		inner.takePlaceOf(outer)
		return false
	}
	outer.below = append(outer.below, inner)
	return true
}

// await starts the clock of an unfinished span, once, and reports false when the recorder is closed or awaits too many.
func (r *recorder) await(outer *span) bool {
	w := &r.waiting
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.closed:
		return false
	case w.timers[outer] != nil:
		return true
	case len(w.timers) == maxAwaited:
		return false
	case w.timers == nil:
		w.timers = map[*span]*time.Timer{}
	}
	w.timers[outer] = time.AfterFunc(placeWait, func() { r.leave(outer) })
	return true
}

// leave gives an unfinished span up: what is held below it takes its place.
func (r *recorder) leave(outer *span) {
	r.forget(outer)
	outer.mu.Lock()
	below := outer.below
	if !outer.done {
		outer.below, outer.left = nil, true
	} else {
		below = nil // it was finished after all, and sees to them
	}
	outer.mu.Unlock()
	for _, h := range below {
		h.takePlaceOf(outer)
		h.send()
	}
}

func (r *recorder) forget(outer *span) {
	r.waiting.mu.Lock()
	defer r.waiting.mu.Unlock()
	if timer := r.waiting.timers[outer]; timer != nil {
		timer.Stop()
		delete(r.waiting.timers, outer)
	}
}

// close gives up all unfinished spans below which something is held.
func (r *recorder) close() {
	r.waiting.mu.Lock()
	r.waiting.closed = true
	var all []*span
	for s := range r.waiting.timers {
		all = append(all, s)
	}
	r.waiting.mu.Unlock()
	for _, s := range all {
		r.leave(s)
	}
}

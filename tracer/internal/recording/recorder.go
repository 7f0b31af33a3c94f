// Package recording is the opentracing.Tracer behind every backend but noop. It decides sampling
// first, keeps the data of a span in an object of its own until Finish, and then replays the span
// through the Zipkin bridge into the sinks.
package recording

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/openzipkin/zipkin-go/model"

	"bookservice/tracer/finished"
	"bookservice/tracer/internal/propagation"
	"bookservice/tracer/internal/sampling"
	"bookservice/tracer/internal/spancontext"
	"bookservice/tracer/internal/truncate"
)

// Config is what a [Recorder] needs beside its sinks.
type Config struct {
	Local       model.Endpoint // of every span
	Decider     *sampling.Decider
	Propagator  *propagation.Propagator
	LongIDs     bool     // new trace ids have 128 bits instead of 64
	BaggageTags []string // keys of the baggage items that are set as tags
}

// A Sink receives finished spans. Consume may be called concurrently. It must not block, and must
// not keep s. It may use buf as scratch memory, and returns it or a larger buffer for the next
// call.
type Sink interface {
	Consume(s *finished.Span, buf []byte) []byte
	// Close delivers the spans that have been consumed, within the flush timeout. Consume may be
	// called during and after Close.
	Close() error
}

// A Recorder is an [opentracing.Tracer].
type Recorder struct {
	cfg       Config
	sinks     []Sink
	replayers sync.Pool // of *replayer
	open      openSpans
	sweeper   sweeper
	closed    atomic.Bool
	deferred  atomic.Int64 // spans that are deferred
	started   atomic.Int64 // recorded spans that are unfinished

	finished, unsampled, clamped atomic.Uint64
}

// New returns a Recorder that hands finished spans to all sinks.
func New(cfg Config, sinks []Sink) *Recorder {
	r := &Recorder{cfg: cfg, sinks: sinks}
	r.replayers.New = func() any { return newReplayer(r) }
	r.sweeper.sweep = r.sweep
	return r
}

// Counts are the numbers of spans since [New].
type Counts struct {
	Finished  uint64 // spans that were handed to the sinks
	Unsampled uint64 // spans that were not recorded
	Clamped   uint64 // spans that ended before they began

	Malformed      uint64 // headers that could not be read
	BaggageDropped uint64 // baggage items that were refused
}

// Counts returns the current counts.
func (r *Recorder) Counts() Counts {
	return Counts{
		Finished:       r.finished.Load(),
		Unsampled:      r.unsampled.Load(),
		Clamped:        r.clamped.Load(),
		Malformed:      r.cfg.Propagator.Malformed(),
		BaggageDropped: r.cfg.Propagator.BaggageDropped(),
	}
}

// Close completes the unfinished spans that have finished children, and hands all deferred spans to
// the sinks. It does not close the sinks. It returns what is left unfinished.
func (r *Recorder) Close() Unfinished {
	r.closed.Store(true)
	r.sweeper.stop()
	now := time.Now()
	r.sweep(now)
	left := Unfinished{Spans: int(r.started.Load())}
	for _, s := range r.open.all() {
		if s.completeAtClose(now) {
			left.Spans--
		} else if age := now.Sub(s.start); left.Oldest == "" || age > left.Age {
			left.Oldest, left.Age = s.name, age
		}
	}
	return left
}

// sweep looks at the unfinished SERVER spans with children.
func (r *Recorder) sweep(now time.Time) {
	for _, s := range r.open.all() {
		s.sweep(now)
	}
}

// track adds a span to the list of unfinished ones. It completes or forgets the oldest if there are
// too many.
func (r *Recorder) track(s *span) {
	evicted := r.open.add(s)
	if evicted == nil {
		return
	}
	evicted.mu.Lock()
	if evicted.family == nil || evicted.done {
		evicted.forgotten = true
		evicted.mu.Unlock()
		return
	}
	evicted.complete(evicted.family.lastEnd, true)
}

// trackAgain adds a span that was forgotten before it had finished children.
func (r *Recorder) trackAgain(s *span) {
	s.mu.Lock()
	again := s.forgotten && s.family != nil && !s.done
	if again {
		s.forgotten = false
	}
	s.mu.Unlock()
	if again {
		r.track(s)
	}
}

// ended removes a span from the unfinished ones.
func (r *Recorder) ended(s *span) {
	r.started.Add(-1)
	r.open.remove(s)
}

// Inject implements [opentracing.Tracer] for TextMap, HTTPHeaders and Binary carriers.
func (r *Recorder) Inject(sc opentracing.SpanContext, format, carrier any) error {
	return r.cfg.Propagator.Inject(contextOf(sc), format, carrier)
}

// Extract implements [opentracing.Tracer]. It reads all formats, whatever is injected.
func (r *Recorder) Extract(format, carrier any) (opentracing.SpanContext, error) {
	c, err := r.cfg.Propagator.Extract(format, carrier)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// StartSpan implements [opentracing.Tracer]. The first ChildOf reference to a context of a Recorder
// is the parent, else the first FollowsFrom. Contexts of other tracers are ignored.
func (r *Recorder) StartSpan(name string, opts ...opentracing.StartSpanOption) opentracing.Span {
	var s start
	for _, opt := range opts {
		s.read(opt)
	}
	if s.foreign != nil {
		s.readForeign()
	}
	parent := s.parent()
	ctx := spancontext.Child(parent, r.cfg.LongIDs)
	if ctx.Decision = s.priority; s.priority == spancontext.Undecided {
		ctx.Decision = r.cfg.Decider.Decide(parent, ctx.TraceLo, name)
	}
	recorded := s.recordedParent()
	if !ctx.Sampled() {
		s.release()
		r.unsampled.Add(1)
		if ctx.ParentReported = recorded != nil && parent.Sampled(); ctx.ParentReported {
			recorded.ensureReported() // a recorded span below this one names it
		}
		return &unsampledSpan{tracer: r, own: ctx}
	}
	sp := &span{tracer: r, name: truncate.UTF8(name, maxName)}
	sp.start = time.Now()
	if !s.at.IsZero() {
		var ok bool
		sp.start, ok = clampTime(s.at)
		sp.clamped = !ok
	}
	sp.own = recordedContext{ctx, sp}
	sp.ctx, sp.tags, sp.parent = &sp.own, sp.inline[:0], recorded
	sp.reportedParent = reportedParent(parent, ctx.ParentID)
	sp.remoteParent = parent != nil && parent.Remote
	sp.tagBaggage()
	s.tag(sp, opts)
	sp.addLinks(s.links(), parent)
	s.release()
	r.started.Add(1)
	r.track(sp)
	return sp
}

// drop ends a span that is not reported. Its deferred child, which may be nil, names its parent
// instead.
func (r *Recorder) drop(s *span, child *deferred) {
	r.unsampled.Add(1)
	r.ended(s)
	if child != nil {
		child.span.reparent(s.reportedParent, s.remoteParent)
		settle(s.parent, *child)
	}
}

// reportedParent returns the id of the parent that a recorded span names. An unsampled span of this
// process is not reported, but its own parent may be.
func reportedParent(parent *spancontext.Context, id uint64) uint64 {
	switch {
	case parent == nil || parent.Remote || parent.Sampled() || !parent.HasIDs():
		return id
	case parent.ParentReported:
		return parent.ParentID
	}
	return 0
}

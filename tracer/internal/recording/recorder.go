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
	// LiveAfter is the age at which an unfinished span is handed to each [LiveSink]; 0 for never.
	LiveAfter time.Duration
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

	finished, live, unsampled, clamped, unfinished atomic.Uint64
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
	Finished   uint64 // spans that were handed to the sinks
	Live       uint64 // spans that were handed to the sinks before they ended
	Unsampled  uint64 // spans that were not recorded
	Clamped    uint64 // spans with a time that was replaced, or that ended before they began
	Unfinished uint64 // spans that were unfinished at Close, or were completed before that

	Malformed      uint64 // headers that could not be read
	BaggageDropped uint64 // baggage items that were refused
}

// Counts returns the current counts.
func (r *Recorder) Counts() Counts {
	return Counts{
		Finished:       r.finished.Load(),
		Live:           r.live.Load(),
		Unsampled:      r.unsampled.Load(),
		Clamped:        r.clamped.Load(),
		Unfinished:     r.unfinished.Load(),
		Malformed:      r.cfg.Propagator.Malformed(),
		BaggageDropped: r.cfg.Propagator.BaggageDropped(),
	}
}

// Close completes the unfinished spans that other spans name, and hands all deferred spans to the
// sinks. It does not close the sinks. It returns what was unfinished; a second call returns
// nothing.
func (r *Recorder) Close() Unfinished {
	r.sweeper.stop()
	spans, others := r.open.close()
	r.unfinished.Add(uint64(others))
	left, now := Unfinished{Spans: others}, time.Now()
	closeAll := func(last bool) (progress bool) {
		for _, s := range spans {
			completed, isUnfinished := s.closeAtLast(now, last)
			progress = progress || completed
			if isUnfinished {
				left.add(s, now)
			}
		}
		return progress
	}
	for closeAll(false) { // a span that is completed names its parent, which must be reported
	}
	closeAll(true)
	r.open.wait(maxWait) // other goroutines may be finishing spans that are named already
	return left
}

// maxWait is how long Close waits for concurrent calls of Finish. They take some microseconds
// unless a sink blocks.
const maxWait = 500 * time.Millisecond

func (u *Unfinished) add(s *span, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u.Spans++
	if age := s.age(now); u.Oldest == "" || age > u.Age {
		u.Oldest, u.Age = s.name, age
	}
}

// sweep looks at the spans that are watched.
func (r *Recorder) sweep(now time.Time) (more bool) {
	watched := r.open.watched()
	for _, s := range watched {
		s.sweep(now)
	}
	more = r.sweepLive(now)
	return more || len(watched) > 0
}

// track lists an unfinished span. If another one has to give way, it is completed.
func (r *Recorder) track(s *span) {
	evicted := r.open.add(s)
	if r.cfg.LiveAfter > 0 {
		r.sweeper.wake()
	}
	if evicted == nil {
		return
	}
	var e ending
	evicted.mu.Lock()
	if evicted.fate == unfinished {
		e = evicted.complete(time.Now())
	}
	evicted.mu.Unlock()
	e.settle()
}

// Inject implements [opentracing.Tracer] for TextMap, HTTPHeaders and Binary carriers.
// The next process may name the injected span as a parent, so the span is reported.
func (r *Recorder) Inject(sc opentracing.SpanContext, format, carrier any) error {
	ctx := contextOf(sc)
	if recorded, ok := sc.(*recordedContext); ok && ctx != nil && ctx.Sampled() {
		if id, ok := recorded.span.nameOf(); ok && id != ctx.ID {
			successor := *ctx
			successor.ID = id
			ctx = &successor
		}
	}
	return r.cfg.Propagator.Inject(ctx, format, carrier)
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
	ctx := spancontext.Child(parent, r.cfg.LongIDs, r.cfg.Propagator.Several())
	if ctx.Decision = s.priority; s.priority == spancontext.Undecided {
		ctx.Decision = r.cfg.Decider.Decide(parent, ctx.TraceLo, name)
	}
	if !ctx.Sampled() {
		s.nameReported(&ctx, parent)
		s.release()
		r.unsampled.Add(1)
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
	sp.ctx, sp.tags, sp.family.parent = &sp.own, sp.inline[:0], s.recordedParent()
	sp.reportedParent = reportedParent(parent, ctx.ParentID)
	sp.remoteParent = ctx.ParentID != 0 && parent.Remote
	sp.tagBaggage()
	if id := parent.DebugID(); id != "" {
		sp.putTag(finished.Tag{Key: tagJaegerDebug, Value: id})
	}
	s.tag(sp, opts)
	sp.links = newLinks(s.links(), parent)
	s.release()
	r.track(sp)
	return sp
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

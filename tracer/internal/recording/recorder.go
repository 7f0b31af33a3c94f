// Package recording is the opentracing.Tracer behind every backend but noop. It decides sampling
// first, keeps the data of a span in an object of its own until Finish, and then replays the span
// through the Zipkin bridge into the sinks.
package recording

import (
	"sync"
	"sync/atomic"

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
	pending   pending

	finished, unsampled, clamped atomic.Uint64
}

// New returns a Recorder that hands finished spans to all sinks.
func New(cfg Config, sinks []Sink) *Recorder {
	r := &Recorder{cfg: cfg, sinks: sinks}
	r.replayers.New = func() any { return newReplayer(r) }
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

// Close hands deferred spans to the sinks. It does not close the sinks.
func (r *Recorder) Close() { r.abandonAll() }

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
	ctx := spancontext.Child(parent, r.cfg.LongIDs, r.cfg.Propagator.Several())
	if ctx.Decision = s.priority; s.priority == spancontext.Undecided {
		ctx.Decision = r.cfg.Decider.Decide(parent, ctx.TraceLo, name)
	}
	if !ctx.Sampled() {
		s.release()
		r.unsampled.Add(1)
		return &unsampledSpan{tracer: r, own: ctx}
	}
	sp := &span{tracer: r, name: truncate.UTF8(name, maxName), start: clampTime(s.at)}
	sp.own = recordedContext{ctx, sp}
	sp.ctx, sp.tags, sp.reportedParent = &sp.own, sp.inline[:0], ctx.ParentID
	sp.serverParent = s.serverParent()
	sp.remoteParent = ctx.ParentID != 0 && parent.Remote
	sp.tagBaggage()
	if id := parent.DebugID(); id != "" {
		sp.setTag(tagJaegerDebug, id)
	}
	s.tag(sp, opts)
	s.release()
	return sp
}

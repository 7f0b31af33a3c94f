package tracer

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	"github.com/openzipkin/zipkin-go/model"
)

// A recorder is the opentracing.Tracer behind every backend but noop. It decides sampling before it does anything
// else, keeps what is said about a span in an object of its own until Finish, and replays the finished span through
// the Zipkin bridge into the sinks.
type recorder struct {
	local     model.Endpoint
	sampling  sampling
	longIDs   bool
	sinks     []sink
	names     []string  // of the sinks
	replayers sync.Pool // of *replayer
	waiting   waiting

	propagation propagation

	finished, unsampled, clamped atomic.Uint64
}

// A sink takes finished spans. consume must not keep f, nor block; it may be called concurrently.
type sink interface {
	consume(f *finished)
	// Close hands on what has been consumed within the flush timeout. Spans may be consumed during and after it.
	Close() error
}

func newRecorder(c Config, names []string, sinks []sink) (*recorder, error) {
	sampling, err := newSampling(c)
	r := &recorder{local: localEndpoint(c), sampling: sampling, longIDs: c.TraceIDBits == 128, sinks: sinks, names: names}
	r.propagation.set(c.Propagation)
	r.replayers.New = func() any { return newReplayer(r) }
	return r, err
}

// StartSpan implements opentracing.Tracer. The first ChildOf reference to a context of this package is the parent,
// else the first FollowsFrom; contexts of other tracers are passed over.
func (r *recorder) StartSpan(name string, opts ...opentracing.StartSpanOption) opentracing.Span {
	var s start
	for _, opt := range opts {
		s.read(opt)
	}
	if s.other != nil {
		s.takeOther()
	}
	parent := s.parent()
	ctx := parent.child(r.longIDs)
	if ctx.decision = s.priority; s.priority == undecided {
		ctx.decision = r.sampling.decide(parent, ctx.traceLo, name)
	}
	if !ctx.decision.sampled() {
		s.release()
		r.unsampled.Add(1)
		return &unsampledSpan{tracer: r, own: ctx}
	}
	span := &span{tracer: r, own: ctx, name: limited(name, maxName), start: s.startTime()}
	span.ctx, span.tags, span.exported = &span.own, span.inline[:0], ctx.parentID
	span.own.of, span.above = span, serverAbove(s.childOf)
	span.fromRemote = parent != nil && parent.remote
	r.propagation.tagBaggage(span)
	s.tag(span, opts)
	s.release()
	return span
}

// start gathers what the options of one StartSpan say about the span's place in the trace. The tags wait: most of the
// time nobody is going to record them.
type start struct {
	childOf, followsFrom *SpanContext
	at                   time.Time
	priority             decision
	other                *opentracing.StartSpanOptions // what options of foreign types have set
}

// foreignOptions lends StartSpanOptions to the options whose type is not known here, ext.RPCServerOption's for one.
var foreignOptions = sync.Pool{New: func() any { return &opentracing.StartSpanOptions{Tags: map[string]any{}} }}

func (s *start) read(opt opentracing.StartSpanOption) {
	switch o := opt.(type) {
	case nil:
	case opentracing.SpanReference:
		s.refer(o)
	case opentracing.Tag:
		s.prioritise(o.Key, o.Value)
	case opentracing.Tags:
		for k, v := range o {
			s.prioritise(k, v)
		}
	case opentracing.StartTime:
		s.at = time.Time(o)
	default:
		if s.other == nil {
			s.other = foreignOptions.Get().(*opentracing.StartSpanOptions)
		}
		opt.Apply(s.other)
	}
}

func (s *start) refer(ref opentracing.SpanReference) {
	c, ok := ref.ReferencedContext.(*SpanContext)
	switch {
	case !ok || c == nil:
	case ref.Type == opentracing.ChildOfRef && s.childOf == nil:
		s.childOf = c
	case ref.Type == opentracing.FollowsFromRef && s.followsFrom == nil:
		s.followsFrom = c
	}
}

func (s *start) prioritise(key string, value any) {
	if key == string(ext.SamplingPriority) {
		s.priority = priority(value)
	}
}

// priority reads the sampling.priority tag: 0 is off, anything above is on and debug.
func priority(value any) decision {
	switch n, ok := asInt(value); {
	case !ok || n < 0:
		return undecided
	case n == 0:
		return deny
	}
	return debug
}

func (s *start) takeOther() {
	for _, ref := range s.other.References {
		s.refer(ref)
	}
	for k, v := range s.other.Tags {
		s.prioritise(k, v)
	}
	if !s.other.StartTime.IsZero() {
		s.at = s.other.StartTime
	}
}

func (s *start) parent() *SpanContext {
	if s.childOf != nil {
		return s.childOf
	}
	return s.followsFrom
}

func (s *start) startTime() time.Time { return expressible(s.at) }

// expressible returns now in place of a time that Zipkin or OTLP cannot express: the zero time above all, and others before
// 1970 or from 2262 on.
func expressible(at time.Time) time.Time {
	if sec := at.Unix(); sec < 1 || sec >= math.MaxInt64/int64(time.Second) {
		return time.Now()
	}
	return at
}

// tag applies the tags of all options to a span that nobody else knows yet, so without its lock.
func (s *start) tag(to *span, opts []opentracing.StartSpanOption) {
	for _, opt := range opts {
		switch o := opt.(type) {
		case opentracing.Tag:
			to.setTag(o.Key, o.Value)
		case opentracing.Tags:
			for k, v := range o {
				to.setTag(k, v)
			}
		}
	}
	if s.other != nil {
		for k, v := range s.other.Tags {
			to.setTag(k, v)
		}
	}
	if s.childOf == nil && s.followsFrom != nil {
		to.setTag(tagRefType, "follows_from")
	}
}

func (s *start) release() {
	if s.other != nil {
		clear(s.other.Tags)
		clear(s.other.References)
		s.other.References, s.other.StartTime = s.other.References[:0], time.Time{}
		foreignOptions.Put(s.other)
	}
}

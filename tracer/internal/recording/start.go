package recording

import (
	"slices"
	"sync"
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	"github.com/openzipkin/zipkin-go/model"

	"bookservice/tracer/finished"
	"bookservice/tracer/internal/spancontext"
)

// start collects the options of one StartSpan that decide about the span's place in the trace. The
// tags are read only if the span is recorded.
type start struct {
	childOf, followsFrom opentracing.SpanContext     // of a Recorder
	more                 []opentracing.SpanReference // beside the first of each type
	at                   time.Time
	priority             spancontext.Decision
	foreign              *opentracing.StartSpanOptions // set by options of unknown types
}

// foreignOptions pools what options of unknown types are applied to, such as ext.RPCServerOption's.
var foreignOptions = sync.Pool{New: func() any {
	return &opentracing.StartSpanOptions{Tags: map[string]any{}}
}}

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
		if s.foreign == nil {
			s.foreign = foreignOptions.Get().(*opentracing.StartSpanOptions)
		}
		opt.Apply(s.foreign)
	}
}

func (s *start) refer(ref opentracing.SpanReference) {
	switch {
	case contextOf(ref.ReferencedContext) == nil:
	case ref.Type == opentracing.ChildOfRef && s.childOf == nil:
		s.childOf = ref.ReferencedContext
	case ref.Type == opentracing.FollowsFromRef && s.followsFrom == nil:
		s.followsFrom = ref.ReferencedContext
	case ref.Type == opentracing.ChildOfRef || ref.Type == opentracing.FollowsFromRef:
		s.more = append(s.more, ref)
	}
}

// links returns the references that are not the parent.
func (s *start) links() []opentracing.SpanReference {
	if s.childOf != nil && s.followsFrom != nil {
		return slices.Insert(s.more, 0, opentracing.FollowsFrom(s.followsFrom))
	}
	return s.more
}

// newLink returns a link to the span of a reference. It reports false if that has no ids.
func newLink(ref opentracing.SpanReference) (l finished.Link, ok bool) {
	c := contextOf(ref.ReferencedContext)
	if c == nil || !c.HasIDs() {
		return l, false
	}
	return finished.Link{
		TraceID:     model.TraceID{High: c.TraceHi, Low: c.TraceLo},
		ID:          model.ID(c.ID),
		Tracestate:  c.Tracestate(),
		FollowsFrom: ref.Type == opentracing.FollowsFromRef,
	}, true
}

// newLinks returns the links of the references beside the parent, or nil.
func newLinks(refs []opentracing.SpanReference, parent *spancontext.Context) (all *links) {
	for _, ref := range refs {
		if contextOf(ref.ReferencedContext) == parent {
			continue
		}
		if l, ok := newLink(ref); ok {
			all = all.and(&links{list: []finished.Link{l}})
		}
	}
	return all
}

func (s *start) prioritise(key string, value any) {
	if key == string(ext.SamplingPriority) {
		s.priority = priority(value)
	}
}

func (s *start) readForeign() {
	for _, ref := range s.foreign.References {
		s.refer(ref)
	}
	for k, v := range s.foreign.Tags {
		s.prioritise(k, v)
	}
	if !s.foreign.StartTime.IsZero() {
		s.at = s.foreign.StartTime
	}
}

// recordedParent returns the parent if this process records it, or nil.
func (s *start) recordedParent() *span {
	ref := s.childOf
	if ref == nil {
		ref = s.followsFrom
	}
	if c, ok := ref.(*recordedContext); ok {
		return c.span
	}
	return nil
}

// nameReported sets the parent id of an unsampled span to that of a span that is reported, if there
// is one: a recorded span below the unsampled one names it.
func (s *start) nameReported(ctx, parent *spancontext.Context) {
	if recorded := s.recordedParent(); recorded != nil && parent.Sampled() {
		if id, ok := recorded.nameOf(); ok {
			ctx.ParentID, ctx.ParentReported = id, true
		}
	} else if parent != nil && parent.ParentReported {
		ctx.ParentID, ctx.ParentReported = parent.ParentID, true
	}
}

func (s *start) parent() *spancontext.Context {
	if s.childOf != nil {
		return contextOf(s.childOf)
	}
	return contextOf(s.followsFrom)
}

// tag applies the tags of all options. No other goroutine has the span yet, so its lock is not
// held.
func (s *start) tag(to *span, opts []opentracing.StartSpanOption) {
	for _, opt := range opts {
		switch o := opt.(type) {
		case opentracing.Tag:
			to.apply(newChange(o.Key, o.Value))
		case opentracing.Tags:
			for k, v := range o {
				to.apply(newChange(k, v))
			}
		}
	}
	if s.foreign != nil {
		for k, v := range s.foreign.Tags {
			to.apply(newChange(k, v))
		}
	}
	if s.childOf == nil && s.followsFrom != nil {
		to.putTag(finished.Tag{Key: tagRefType, Value: "follows_from"})
	}
}

func (s *start) release() {
	if s.foreign != nil {
		clear(s.foreign.Tags)
		clear(s.foreign.References)
		s.foreign.References, s.foreign.StartTime = s.foreign.References[:0], time.Time{}
		foreignOptions.Put(s.foreign)
	}
}

package recording

import (
	"strings"

	"github.com/opentracing/opentracing-go"
	"github.com/openzipkin/zipkin-go/model"

	"bookservice/tracer/finished"
	"bookservice/tracer/internal/spancontext"
)

// link returns a link to the span with this context. It reports false if the context has no ids.
func link(ref opentracing.SpanReference) (l finished.Link, ok bool) {
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

// addLinks adds the references beside the parent.
func (s *span) addLinks(refs []opentracing.SpanReference, parent *spancontext.Context) {
	for _, ref := range refs {
		if contextOf(ref.ReferencedContext) == parent {
			continue
		}
		if l, ok := link(ref); ok && len(s.links) < maxLinks {
			s.links = append(s.links, l)
		}
	}
}

// references renders links as the tag opentracing.references, within the limit of a tag's value.
func references(links []finished.Link) string {
	var b strings.Builder
	for _, l := range links {
		kind := "child_of:"
		if l.FollowsFrom {
			kind = "follows_from:"
		}
		entry := kind + l.TraceID.String() + ":" + l.ID.String()
		if b.Len()+len(",")+len(entry) > maxValue {
			break
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(entry)
	}
	return b.String()
}

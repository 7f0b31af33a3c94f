package recording

import (
	"cmp"
	"strings"

	"github.com/opentracing/opentracing-go"
	"github.com/openzipkin/zipkin-go/model"

	"bookservice/tracer/finished"
	"bookservice/tracer/internal/spancontext"
)

// links are the references of a span beside its parent: the first maxLinks of them.
type links struct {
	list    []finished.Link
	dropped int
}

// and returns the links with further ones. l may be nil.
func (l *links) and(further *links) *links {
	if l == nil || further == nil {
		return cmp.Or(l, further)
	}
	fit := min(len(further.list), maxLinks-len(l.list))
	l.list = append(l.list, further.list[:fit]...)
	l.dropped += further.dropped + len(further.list) - fit
	return l
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

// references renders links as the tag opentracing.references.
func references(links []finished.Link) string {
	var b strings.Builder
	for _, l := range links {
		kind := "child_of:"
		if l.FollowsFrom {
			kind = "follows_from:"
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(kind + l.TraceID.String() + ":" + l.ID.String())
	}
	return b.String()
}

package recording

import (
	"cmp"
	"strings"

	"bookservice/tracer/finished"
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

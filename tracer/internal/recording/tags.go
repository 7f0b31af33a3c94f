package recording

import (
	"bookservice/tracer/finished"
	"bookservice/tracer/internal/spancontext"
)

// tagJaegerDebug has the text of the header of the same name, as Jaeger's clients set it.
const tagJaegerDebug = "jaeger-debug-id"

// apply makes the change. The caller holds the lock, or is the only one with the span.
func (s *span) apply(c change) {
	switch c.field {
	case fieldKind:
		s.kind = c.kind
	case fieldPeer:
		s.peer = c.peer.or(s.peer)
	case fieldPeerService:
		s.peer.service = c.peer.service
	case fieldError:
		s.setError(c.text)
	case fieldPriority:
		s.prioritise(c.priority)
	}
	if c.tag != (finished.Tag{}) || c.field == fieldNone {
		s.putTag(c.tag)
	}
}

// prioritise changes the decision of the span and of its future children.
func (s *span) prioritise(d spancontext.Decision) {
	if d == spancontext.Undecided || d == s.ctx.Decision {
		return
	}
	next := *s.ctx
	next.Decision = d
	s.ctx, s.priority = &next, d
}

// setError distinguishes error=true from an error tag that is a text: only the former is replaced
// by the message of a logged error.
func (s *span) setError(value string) {
	s.failed, s.errorText = value == "true", ""
	if isMessage(value) {
		s.errorText = value
	}
}

// errorTag returns the value of the error tag that is exported, or "".
func (s *span) errorTag() string {
	switch {
	case s.errorText != "":
		return s.errorText
	case !s.failed:
		return ""
	case s.logs.message() != "":
		return s.logs.message()
	}
	for _, key := range messageTags {
		for _, t := range s.tags {
			if t.Key == key && isMessage(t.Value) {
				return t.Value
			}
		}
	}
	return "true"
}

// putTag sets a tag, unless there are too many.
func (s *span) putTag(t finished.Tag) {
	if with := setTag(s.tags, t); len(with) <= maxTags {
		s.tags = with
	}
}

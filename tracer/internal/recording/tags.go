package recording

import (
	"slices"

	"bookservice/tracer/finished"
	"bookservice/tracer/internal/spancontext"
	"bookservice/tracer/internal/truncate"
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

// besides returns the tag with outerPrefix before its key, as often as it takes to find a key that
// the span does not have. It reports false if the span has the tag already.
func (s *span) besides(t finished.Tag) (renamed finished.Tag, isNew bool) {
	key := t.Key
	for prefix := ""; len(prefix) < maxKey/2; prefix += outerPrefix {
		t.Key = prefix + truncate.UTF8(key, maxKey-len(prefix))
		own := slices.IndexFunc(s.tags, func(own finished.Tag) bool { return own.Key == t.Key })
		switch {
		case own < 0:
			return t, true
		case s.tags[own].Value == t.Value:
			return t, false
		}
	}
	return t, false
}

// putBesides sets a tag without replacing another one, unless there are too many.
func (s *span) putBesides(t finished.Tag) {
	if t, isNew := s.besides(t); isNew {
		s.putTag(t)
	}
}

// putTag sets a tag, unless there are too many.
func (s *span) putTag(t finished.Tag) {
	if with := setTag(s.tags, t); len(with) <= maxTags {
		s.tags = with
	}
}

package recording

import (
	"github.com/opentracing/opentracing-go/ext"

	"bookservice/tracer/finished"
	"bookservice/tracer/internal/spancontext"
	"bookservice/tracer/internal/truncate"
)

// tagRefType is OpenTelemetry's name for the type of a reference.
const tagRefType = "opentracing.ref_type"

// tagJaegerDebug has the text of the header of the same name, as Jaeger's clients set it.
const tagJaegerDebug = "jaeger-debug-id"

// setTag sets a tag. A Zipkin span has fields of its own for the kind and the peer, and the error
// tag is present only if it is true. The caller holds the lock, or is the only one with the span.
func (s *span) setTag(key string, value any) {
	switch key {
	case string(ext.SpanKind):
		if kind, ok := asKind(value); ok {
			s.kind = kind
			return
		}
	case string(ext.PeerService):
		s.peer.service = truncate.UTF8(text(value), maxValue)
		return
	case string(ext.PeerAddress):
		if addr, ok := asAddrPort(value); ok {
			s.peer.ip, s.peer.port = addr.Addr().Unmap(), addr.Port()
			return
		}
	case string(ext.PeerHostIPv4), string(ext.PeerHostIPv6):
		if ip, ok := asIP(value); ok {
			s.peer.ip = ip.Unmap()
			return
		}
	case string(ext.PeerPort):
		if port, ok := asInt(value); ok && port >= 0 && port <= 65535 {
			s.peer.port = uint16(port)
			return
		}
	case finished.TagError:
		s.setError(value)
		return
	case string(ext.SamplingPriority):
		s.prioritise(priority(value))
		return
	}
	text, typ := format(value)
	s.putTag(finished.Tag{
		Key: truncate.UTF8(key, maxKey), Value: truncate.UTF8(text, maxValue), Type: typ,
	})
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
func (s *span) setError(value any) {
	v := truncate.UTF8(text(value), maxValue)
	s.failed, s.errorText = v == "true", ""
	if !s.failed && v != "false" {
		s.errorText = v
	}
}

// errorTag returns the value of the error tag that is exported, or "".
func (s *span) errorTag() string {
	switch {
	case s.errorText != "":
		return s.errorText
	case !s.failed:
		return ""
	case s.errorMessage != "":
		return s.errorMessage
	}
	return "true"
}

func (s *span) putTag(t finished.Tag) {
	for i := range s.tags {
		if s.tags[i].Key == t.Key {
			s.tags[i] = t
			return
		}
	}
	if len(s.tags) < maxTags {
		s.tags = append(s.tags, t)
	}
}

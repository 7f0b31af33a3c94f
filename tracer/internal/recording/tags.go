package recording

import (
	"net/netip"

	"github.com/opentracing/opentracing-go/ext"

	"bookservice/tracer/finished"
	"bookservice/tracer/internal/spancontext"
	"bookservice/tracer/internal/truncate"
)

// tagRefType is OpenTelemetry's name for the type of a reference.
const tagRefType = "opentracing.ref_type"

// A change is a call of SetTag with its value rendered. Rendering may call the user's code, which
// may use the span, so it happens before the span is locked.
type change struct {
	field    field
	tag      finished.Tag // the tag, if it is kept; else its Value is that of the field
	kind     uint8
	ip       netip.Addr
	port     uint16
	host     string
	priority spancontext.Decision
}

// A field of a span that a tag sets. A Zipkin span has fields for the kind and the peer, and the
// error tag is present only if it is true.
type field uint8

const (
	fieldNone field = iota
	fieldKind
	fieldPeerService
	fieldPeerIP
	fieldPeerPort
	fieldPeerAddress // address and port
	fieldPeerHost    // name, and port if it is not zero; the tag is kept
	fieldError
	fieldPriority
)

// newChange renders a tag.
func newChange(key string, value any) change {
	switch key {
	case string(ext.SpanKind):
		if kind, ok := asKind(value); ok {
			return change{field: fieldKind, kind: kind}
		}
	case string(ext.PeerService):
		return change{field: fieldPeerService, host: truncate.UTF8(text(value), maxValue)}
	case string(ext.PeerAddress):
		if ip, port, ok := asAddr(value); ok {
			return change{field: fieldPeerAddress, ip: ip.Unmap(), port: port}
		}
		c := newTag(key, value)
		c.field, c.host, c.port = fieldPeerHost, c.tag.Value, 0
		if host, port, ok := splitHostPort(c.tag.Value); ok {
			c.host, c.port = host, port
		}
		return c
	case string(ext.PeerHostname):
		if ip, ok := asIP(value); ok {
			return change{field: fieldPeerIP, ip: ip.Unmap()}
		}
		c := newTag(key, value)
		c.field, c.host = fieldPeerHost, c.tag.Value
		return c
	case string(ext.PeerHostIPv4), string(ext.PeerHostIPv6):
		if ip, ok := asIP(value); ok {
			return change{field: fieldPeerIP, ip: ip.Unmap()}
		}
	case string(ext.PeerPort):
		if port, ok := asInt(value); ok && port >= 0 && port <= 65535 {
			return change{field: fieldPeerPort, port: uint16(port)}
		}
	case finished.TagError:
		return change{field: fieldError, host: truncate.UTF8(text(value), maxValue)}
	case string(ext.SamplingPriority):
		return change{field: fieldPriority, priority: priority(value)}
	}
	return newTag(key, value)
}

func newTag(key string, value any) change {
	text, typ := format(value)
	return change{tag: finished.Tag{
		Key: truncate.UTF8(key, maxKey), Value: truncate.UTF8(text, maxValue), Type: typ,
	}}
}

// apply makes the change. The caller holds the lock, or is the only one with the span.
func (s *span) apply(c change) {
	switch c.field {
	case fieldNone:
		s.putTag(c.tag)
	case fieldKind:
		s.kind = c.kind
	case fieldPeerService:
		s.peer.service = c.host
	case fieldPeerIP:
		s.peer.ip = c.ip
	case fieldPeerPort:
		s.peer.port = c.port
	case fieldPeerAddress:
		s.peer.ip = c.ip
		if c.port != 0 {
			s.peer.port = c.port
		}
	case fieldPeerHost:
		s.peer.host = c.host
		if c.port != 0 {
			s.peer.port = c.port
		}
		s.putTag(c.tag)
	case fieldError:
		s.setError(c.host)
	case fieldPriority:
		s.prioritise(c.priority)
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
	if !s.failed && value != "false" {
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

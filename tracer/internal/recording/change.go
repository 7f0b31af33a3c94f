package recording

import (
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
	tag      finished.Tag // the tag, if it is kept
	kind     uint8
	priority spancontext.Decision
	text     string // the value of fieldError
	peer     peer   // what is known of it
}

// A field of a span that a tag sets. A Zipkin span has fields for the kind and the peer, and the
// error tag is present only if it is true.
type field uint8

const (
	fieldNone field = iota
	fieldKind
	fieldPeer
	fieldPeerService
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
		return change{field: fieldPeerService, peer: peer{service: fieldText(value)}}
	case string(ext.PeerAddress), string(ext.PeerHostname):
		p, isAddress := asPeer(value)
		if isAddress {
			return change{field: fieldPeer, peer: p}
		}
		c := newTag(key, value)
		c.field, c.peer = fieldPeer, p
		return c
	case string(ext.PeerHostIPv4), string(ext.PeerHostIPv6):
		if ip, ok := asIP(value); ok {
			return change{field: fieldPeer, peer: peer{ip: ip}}
		}
	case string(ext.PeerPort):
		if port, ok := asInt(value); ok && port >= 0 && port <= 65535 {
			return change{field: fieldPeer, peer: peer{port: uint16(port)}}
		}
	case finished.TagError:
		return change{field: fieldError, text: fieldText(value)}
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

// fieldText renders the value of a field. It is empty for nil and for a nil pointer.
func fieldText(value any) string {
	if isNil(value) {
		return ""
	}
	return truncate.UTF8(text(value), maxValue)
}

// priority reads the tag sampling.priority: 0 is off, a positive number is on and debug.
func priority(value any) spancontext.Decision {
	switch n, ok := asInt(value); {
	case !ok || n < 0:
		return spancontext.Undecided
	case n == 0:
		return spancontext.Deny
	}
	return spancontext.Debug
}

// setTag returns the tags with t in place of the tag with its key, or at the end.
func setTag(tags []finished.Tag, t finished.Tag) []finished.Tag {
	for i := range tags {
		if tags[i].Key == t.Key {
			tags[i] = t
			return tags
		}
	}
	return append(tags, t)
}

// messageTags are the tags in which instrumentation puts the message of an error.
var messageTags = [...]string{fieldErrorObject, fieldErrorMessage, fieldMessage, fieldErr}

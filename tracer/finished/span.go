// Package finished describes a span as the tracer hands it to a backend's encoder.
package finished

import (
	"slices"

	"github.com/openzipkin/zipkin-go/model"
)

// Keys of tags that stand for fields of a [Span], in formats without such fields.
const (
	// TagError marks a span as failed (OpenTracing's semantic conventions).
	TagError = "error"
	// TagDroppedLogs and TagDroppedLinks have the number of dropped log records and links, under
	// the names that OpenTelemetry specifies for formats without such fields.
	TagDroppedLogs  = "otel.dropped_events_count"
	TagDroppedLinks = "otel.dropped_links_count"
	// TagReferences lists the links: child_of or follows_from, trace id and span id, separated by
	// colons, the links separated by commas.
	TagReferences = "opentracing.references"
)

// A Span is a span that has ended, or as it is so far (package tracer: Config.LiveAfter). It is
// valid only during the call that it is passed to, and must not be changed: its memory is reused.
// [Span.SpanModel] makes a copy that may be kept.
//
// All text is valid UTF-8 and within the limits of package tracer's documentation. Times lie
// between 1970 and 2262; the duration is at least 1 µs, or 0 if the
// span has not ended.
type Span struct {
	// Model holds ids, name, kind, times, endpoints and, in Model.Annotations, each log record as
	// one annotation. Model.Tags is nil: Tags holds the tags.
	Model model.SpanModel
	// Tags are the tags with unique keys, without the error tag.
	Tags []Tag
	// Logs are the log records, in the order in which they were logged. If there were more than
	// 128, those are the oldest and the newest 64.
	Logs []LogRecord
	// DroppedLogs is the number of log records that are missing between them. It is also the tag
	// [TagDroppedLogs].
	DroppedLogs int
	// Links are the references beside the parent, at most 128. They are also the tag
	// [TagReferences].
	Links []Link
	// DroppedLinks is the number of further references. It is also the tag [TagDroppedLinks].
	DroppedLinks int
	// PeerHost is the name of the peer's host, or empty. It is also a tag, as it was set.
	PeerHost string
	// Error is the value of the error tag: the message of the error, or "true" if no message is
	// known. It is empty if the span did not fail.
	Error string
	// Tracestate is the W3C header that came with the trace, or empty.
	Tracestate string
	// ParentRemote reports that another process made the parent.
	ParentRemote bool
}

// A Link is a reference to another span.
type Link struct {
	TraceID     model.TraceID
	ID          model.ID
	Tracestate  string // of the other span; may be empty
	FollowsFrom bool   // the reference is a FollowsFrom, not a ChildOf
}

// A Tag is a key with a value: a tag of a span, or a field of a log record.
type Tag struct {
	Key   string
	Value string // the value as text
	Type  Type   // the type that the value had
}

// A Type is the type of a tag's value.
type Type uint8

// The types that a backend may distinguish.
const (
	String Type = iota
	Bool        // "true" or "false"
	Int         // a decimal number that fits in an int64
	Float       // a number that [strconv.ParseFloat] reads
)

// EachTag calls do with every tag, the error tag last.
func (s *Span) EachTag(do func(Tag)) {
	for _, t := range s.Tags {
		if t.Key != TagError || s.Error == "" {
			do(t)
		}
	}
	if s.Error != "" {
		do(Tag{Key: TagError, Value: s.Error})
	}
}

// HasTag reports whether Tags has the key.
func (s *Span) HasTag(key string) bool {
	return slices.ContainsFunc(s.Tags, func(t Tag) bool { return t.Key == key })
}

// SpanModel returns the span as zipkin-go models it, with its tags. It shares no memory with s or
// with another copy.
func (s *Span) SpanModel() model.SpanModel {
	m := s.Model
	m.Tags = make(map[string]string, len(s.Tags)+1)
	s.EachTag(func(t Tag) { m.Tags[t.Key] = t.Value })
	m.Annotations = slices.Clone(m.Annotations)
	m.ParentID, m.Sampled = clone(m.ParentID), clone(m.Sampled)
	m.LocalEndpoint = cloneEndpoint(m.LocalEndpoint)
	m.RemoteEndpoint = cloneEndpoint(m.RemoteEndpoint)
	return m
}

func clone[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}

func cloneEndpoint(e *model.Endpoint) *model.Endpoint {
	c := clone(e)
	if c != nil {
		c.IPv4, c.IPv6 = slices.Clone(c.IPv4), slices.Clone(c.IPv6)
	}
	return c
}

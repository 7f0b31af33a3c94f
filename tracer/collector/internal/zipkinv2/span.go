// Package zipkinv2 reads and writes spans in Zipkin's v2 formats, JSON and protobuf. The rules for
// ids, names, addresses and numbers, and the texts of the errors, are those of Zipkin 3.6.1.
package zipkinv2

import (
	"cmp"
	"slices"
	"strings"
)

// A Kind is the role of a span in a remote call. The numbers are those of the protobuf format.
type Kind uint8

// The kinds. KindNone is a local span.
const (
	KindNone Kind = iota
	KindClient
	KindServer
	KindProducer
	KindConsumer
)

// String returns the name in JSON, or "" for [KindNone].
func (k Kind) String() string {
	return [...]string{"", "CLIENT", "SERVER", "PRODUCER", "CONSUMER"}[k]
}

// ParseKind returns the kind with this name in JSON.
func ParseKind(name string) (Kind, bool) {
	for k := KindClient; k <= KindConsumer; k++ {
		if k.String() == name {
			return k, true
		}
	}
	return KindNone, false
}

// A TraceID has 128 bits. An id whose high bits are zero has 64 bits.
type TraceID struct{ High, Low uint64 }

// An Endpoint is one side of a call. Empty fields are absent.
type Endpoint struct {
	Service    string // in lower case
	IPv4, IPv6 string
	Port       uint16
}

// An Annotation is an event at a time, in microseconds since 1970.
type Annotation struct {
	Timestamp int64
	Value     string
}

// A Tag is a key and a value.
type Tag struct{ Key, Value string }

// A Span is one piece of a span, as one process reported it. It is not changed after it was read.
type Span struct {
	TraceID     TraceID
	ID          uint64
	Parent      uint64 // zero is none
	Timestamp   int64  // microseconds since 1970; zero is absent
	Duration    int64  // microseconds; zero is absent
	Name        string // in lower case; empty is absent
	Local       *Endpoint
	Remote      *Endpoint
	Annotations []Annotation // sorted, without duplicates
	Tags        []Tag        // sorted by key, without duplicates
	Kind        Kind
	Debug       bool
	Shared      bool
}

// LocalService returns the name of the service that reported the span, or "".
func (s *Span) LocalService() string {
	if s.Local == nil {
		return ""
	}
	return s.Local.Service
}

// RemoteService returns the name of the service at the other side, or "".
func (s *Span) RemoteService() string {
	if s.Remote == nil {
		return ""
	}
	return s.Remote.Service
}

// Tag returns the value of the tag with this key.
func (s *Span) Tag(key string) (string, bool) {
	i, ok := slices.BinarySearchFunc(s.Tags, key, func(t Tag, key string) int {
		return Compare(t.Key, key)
	})
	if !ok {
		return "", false
	}
	return s.Tags[i].Value, true
}

// Equal reports whether the two pieces are the same in every field.
func (s *Span) Equal(o *Span) bool {
	return s.TraceID == o.TraceID && s.ID == o.ID && s.Parent == o.Parent &&
		s.Timestamp == o.Timestamp && s.Duration == o.Duration && s.Name == o.Name &&
		s.Kind == o.Kind && s.Debug == o.Debug && s.Shared == o.Shared &&
		equalEndpoint(s.Local, o.Local) && equalEndpoint(s.Remote, o.Remote) &&
		slices.Equal(s.Annotations, o.Annotations) && slices.Equal(s.Tags, o.Tags)
}

func equalEndpoint(a, b *Endpoint) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// Finish applies the rules that involve several fields: a span is not its own parent, only a server
// shares an id, tags and annotations are sorted and unique. The last value of a key wins.
func (s *Span) Finish() {
	if s.Parent == s.ID {
		s.Parent = 0
	}
	if s.Kind == KindClient {
		s.Shared = false
	}
	if s.Local != nil && *s.Local == (Endpoint{}) {
		s.Local = nil
	}
	if s.Remote != nil && *s.Remote == (Endpoint{}) {
		s.Remote = nil
	}
	if len(s.Annotations) > 1 {
		slices.SortFunc(s.Annotations, func(a, b Annotation) int {
			return cmp.Or(cmp.Compare(a.Timestamp, b.Timestamp), Compare(a.Value, b.Value))
		})
		s.Annotations = slices.Compact(s.Annotations)
	}
	s.Tags = sortTags(s.Tags)
}

func sortTags(tags []Tag) []Tag {
	byKey := func(a, b Tag) int { return Compare(a.Key, b.Key) }
	slices.SortStableFunc(tags, byKey)
	kept := tags[:0]
	for i, t := range tags {
		if i+1 == len(tags) || tags[i+1].Key != t.Key {
			kept = append(kept, t)
		}
	}
	return kept
}

// Compare orders texts as Java does: by UTF-16 code units. It differs from the order of bytes only
// between characters above and below U+10000.
func Compare(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	// Bytes from 0xf0 begin a character above U+FFFF, whose first unit is a surrogate (U+D800 to
	// U+DFFF). That is below U+E000 to U+FFFF, which begin with 0xee and 0xef.
	if n < len(a) && n < len(b) && min(a[n], b[n]) >= 0xee && (a[n] >= 0xf0) != (b[n] >= 0xf0) {
		return -strings.Compare(a, b)
	}
	return strings.Compare(a, b)
}

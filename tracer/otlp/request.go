package otlp

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"bookservice/tracer"
	"bookservice/tracer/finished"
	"bookservice/tracer/internal/truncate"
	"bookservice/tracer/internal/wire"
)

// scopeName is the instrumentation scope of all spans.
const scopeName = "bookservice/tracer"

// Limits on an attribute of the resource, in bytes.
const (
	maxKey   = 1 << 8
	maxValue = 1 << 12
)

const (
	resourceAttributes = 1
	scopeNameField     = 1
)

// newResource returns the attributes that identify the service and its instance. Settings take
// precedence over the attributes that the user gave.
func newResource(s tracer.Settings) []finished.Tag {
	identity := []finished.Tag{
		{Key: "service.name", Value: s.ServiceName},
		{Key: "service.version", Value: cmp.Or(s.ServiceVersion, s.Resource["service.version"])},
		{Key: "service.instance.id",
			Value: cmp.Or(s.Address, s.Resource["service.instance.id"], randomUUID())},
	}
	var all []finished.Tag
	others := maps.Clone(s.Resource)
	for _, a := range identity {
		delete(others, a.Key)
		if a.Value != "" {
			all = append(all, a)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(others)) {
		all = append(all, finished.Tag{Key: key, Value: others[key]})
	}
	for i, a := range all {
		all[i] = finished.Tag{
			Key: truncate.UTF8(a.Key, maxKey), Value: truncate.UTF8(a.Value, maxValue),
		}
	}
	return all
}

// randomUUID returns a UUID of version 4 (RFC 9562).
func randomUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}

// requestHead returns the resource, as a field of a ResourceSpans message.
func requestHead(resource []finished.Tag) []byte {
	return wire.AppendMessage(nil, resourceSpansResource, func(b []byte) []byte {
		for _, a := range resource {
			b = appendAttribute(b, resourceAttributes, a)
		}
		return b
	})
}

// appendRequest appends an ExportTraceServiceRequest with the resource and the spans, which are
// fields of a ScopeSpans message.
func appendRequest(b, resource, spans []byte) []byte {
	scope := wire.AppendMessage(nil, scopeSpansScope, func(b []byte) []byte {
		return wire.AppendString(b, scopeNameField, scopeName)
	})
	scopeSpans := len(scope) + len(spans)
	resourceSpans := len(resource) + protowire.SizeTag(resourceSpansScopeSpans) +
		protowire.SizeBytes(scopeSpans)
	b = slices.Grow(b, protowire.SizeTag(requestResourceSpans)+protowire.SizeBytes(resourceSpans))
	b = protowire.AppendTag(b, requestResourceSpans, protowire.BytesType)
	b = append(protowire.AppendVarint(b, uint64(resourceSpans)), resource...)
	b = protowire.AppendTag(b, resourceSpansScopeSpans, protowire.BytesType)
	b = append(protowire.AppendVarint(b, uint64(scopeSpans)), scope...)
	return append(b, spans...)
}

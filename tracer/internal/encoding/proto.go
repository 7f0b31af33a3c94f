// Package encoding writes finished spans in the formats of Zipkin's v2 API: protobuf and JSON.
package encoding

import (
	"encoding/binary"
	"time"

	"github.com/openzipkin/zipkin-go/model"
	"google.golang.org/protobuf/encoding/protowire"

	"bookservice/tracer/finished"
	"bookservice/tracer/internal/wire"
)

// Field numbers of the messages in zipkin.proto (openzipkin/zipkin-api).
const (
	listSpans = 1

	spanTraceID     = 1
	spanParentID    = 2
	spanID          = 3
	spanKind        = 4
	spanName        = 5
	spanTimestamp   = 6
	spanDuration    = 7
	spanLocal       = 8
	spanRemote      = 9
	spanAnnotations = 10
	spanTags        = 11
	spanDebug       = 12

	endpointService = 1
	endpointIPv4    = 2
	endpointIPv6    = 3
	endpointPort    = 4

	annotationTimestamp = 1
	annotationValue     = 2

	mapKey   = 1
	mapValue = 2
)

// AppendProto appends the span to b as a ListOfSpans of one span. Concatenated lists are one list,
// so a batch is assembled without decoding its spans.
func AppendProto(b []byte, s *finished.Span) []byte {
	return wire.AppendMessage(b, listSpans, func(b []byte) []byte { return appendSpan(b, s) })
}

func appendSpan(b []byte, s *finished.Span) []byte {
	m := &s.Model
	var id [16]byte
	binary.BigEndian.PutUint64(id[:8], m.TraceID.High)
	binary.BigEndian.PutUint64(id[8:], m.TraceID.Low)
	b = wire.AppendBytes(b, spanTraceID, id[:]) // always 16 bytes: zipkin-go's decoder rejects 8
	if m.ParentID != nil {
		binary.BigEndian.PutUint64(id[:8], uint64(*m.ParentID))
		b = wire.AppendBytes(b, spanParentID, id[:8])
	}
	binary.BigEndian.PutUint64(id[:8], uint64(m.ID))
	b = wire.AppendBytes(b, spanID, id[:8])
	b = wire.AppendVarint(b, spanKind, kindNumber(m.Kind))
	b = wire.AppendString(b, spanName, m.Name)
	b = appendTime(b, spanTimestamp, m.Timestamp)
	if m.Duration != 0 { // otherwise the span has not ended
		b = wire.AppendVarint(b, spanDuration, uint64(micros(m.Duration)))
	}
	b = appendEndpoint(b, spanLocal, m.LocalEndpoint)
	b = appendEndpoint(b, spanRemote, m.RemoteEndpoint)
	for _, a := range m.Annotations {
		b = wire.AppendMessage(b, spanAnnotations, func(b []byte) []byte {
			b = appendTime(b, annotationTimestamp, a.Timestamp)
			return wire.AppendString(b, annotationValue, a.Value)
		})
	}
	s.EachTag(func(t finished.Tag) {
		b = wire.AppendMessage(b, spanTags, func(b []byte) []byte {
			return wire.AppendString(wire.AppendString(b, mapKey, t.Key), mapValue, t.Value)
		})
	})
	if m.Debug {
		b = wire.AppendVarint(b, spanDebug, 1)
	}
	return b
}

func appendEndpoint(b []byte, num protowire.Number, e *model.Endpoint) []byte {
	if e.Empty() {
		return b
	}
	return wire.AppendMessage(b, num, func(b []byte) []byte {
		b = wire.AppendString(b, endpointService, e.ServiceName)
		if len(e.IPv4) > 0 {
			b = wire.AppendBytes(b, endpointIPv4, e.IPv4)
		}
		if len(e.IPv6) > 0 {
			b = wire.AppendBytes(b, endpointIPv6, e.IPv6)
		}
		return wire.AppendVarint(b, endpointPort, uint64(e.Port))
	})
}

// appendTime appends microseconds since 1970.
func appendTime(b []byte, num protowire.Number, t time.Time) []byte {
	return wire.AppendFixed64(b, num, uint64(t.UnixMicro()))
}

// micros rounds to microseconds.
func micros(d time.Duration) int64 { return int64((d + time.Microsecond/2) / time.Microsecond) }

func kindNumber(k model.Kind) uint64 {
	switch k {
	case model.Client:
		return 1
	case model.Server:
		return 2
	case model.Producer:
		return 3
	case model.Consumer:
		return 4
	}
	return 0
}

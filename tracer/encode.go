package tracer

import (
	"encoding/binary"
	"time"

	"github.com/openzipkin/zipkin-go/model"
	"google.golang.org/protobuf/encoding/protowire"
)

// Field numbers of zipkin.proto's messages (openzipkin/zipkin-api).
const (
	listSpans = 1

	spanTraceID, spanParentID, spanID, spanKind, spanName = 1, 2, 3, 4, 5
	spanTimestamp, spanDuration                           = 6, 7
	spanLocal, spanRemote                                 = 8, 9
	spanAnnotations, spanTags, spanDebug                  = 10, 11, 12

	endpointService, endpointIPv4, endpointIPv6, endpointPort = 1, 2, 3, 4
	annotationTimestamp, annotationValue                      = 1, 2
	mapKey, mapValue                                          = 1, 2
)

// appendListed appends the span to b as a ListOfSpans of one. Lists are joined by writing them one behind the other,
// so that a batch is made without decoding what it is made of.
func appendListed(b []byte, f *finished) []byte {
	return appendMessage(b, listSpans, func(b []byte) []byte { return appendSpan(b, f) })
}

func appendSpan(b []byte, f *finished) []byte {
	m := &f.model
	var id [16]byte
	binary.BigEndian.PutUint64(id[:8], m.TraceID.High)
	binary.BigEndian.PutUint64(id[8:], m.TraceID.Low)
	b = appendBytes(b, spanTraceID, id[:]) // short ones too: zipkin-go's decoder, and who builds on it, refuses 8 bytes
	if m.ParentID != nil {
		binary.BigEndian.PutUint64(id[:8], uint64(*m.ParentID))
		b = appendBytes(b, spanParentID, id[:8])
	}
	binary.BigEndian.PutUint64(id[:8], uint64(m.ID))
	b = appendBytes(b, spanID, id[:8])
	b = appendVarint(b, spanKind, kindNumber(m.Kind))
	b = appendText(b, spanName, m.Name)
	b = appendTime(b, spanTimestamp, m.Timestamp)
	b = appendVarint(b, spanDuration, uint64((m.Duration+time.Microsecond/2)/time.Microsecond))
	b = appendEndpoint(b, spanLocal, m.LocalEndpoint)
	b = appendEndpoint(b, spanRemote, m.RemoteEndpoint)
	for _, a := range m.Annotations {
		b = appendMessage(b, spanAnnotations, func(b []byte) []byte {
			return appendText(appendTime(b, annotationTimestamp, a.Timestamp), annotationValue, a.Value)
		})
	}
	f.eachTag(func(t tag) {
		b = appendMessage(b, spanTags, func(b []byte) []byte {
			return appendText(appendText(b, mapKey, t.key), mapValue, t.value)
		})
	})
	if m.Debug {
		b = appendVarint(b, spanDebug, 1)
	}
	return b
}

func appendEndpoint(b []byte, num protowire.Number, e *model.Endpoint) []byte {
	if e.Empty() {
		return b
	}
	return appendMessage(b, num, func(b []byte) []byte {
		b = appendText(b, endpointService, e.ServiceName)
		if len(e.IPv4) > 0 {
			b = appendBytes(b, endpointIPv4, e.IPv4)
		}
		if len(e.IPv6) > 0 {
			b = appendBytes(b, endpointIPv6, e.IPv6)
		}
		return appendVarint(b, endpointPort, uint64(e.Port))
	})
}

// appendMessage appends a field that holds what body appends. A length of one byte is guessed and the body moved if
// it needs more, which is cheaper than measuring first.
func appendMessage(b []byte, num protowire.Number, body func([]byte) []byte) []byte {
	b = protowire.AppendTag(b, num, protowire.BytesType)
	at := len(b)
	b = body(append(b, 0))
	size := len(b) - at - 1
	if extra := protowire.SizeVarint(uint64(size)) - 1; extra > 0 {
		b = append(b, make([]byte, extra)...)
		copy(b[at+1+extra:], b[at+1:at+1+size])
	}
	protowire.AppendVarint(b[:at], uint64(size))
	return b
}

func appendBytes(b []byte, num protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, num, protowire.BytesType), v)
}

// appendText leaves an empty text out, as proto3 does.
func appendText(b []byte, num protowire.Number, v string) []byte {
	if v == "" {
		return b
	}
	return protowire.AppendString(protowire.AppendTag(b, num, protowire.BytesType), v)
}

func appendVarint(b []byte, num protowire.Number, v uint64) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, num, protowire.VarintType), v)
}

// appendTime appends microseconds since 1970.
func appendTime(b []byte, num protowire.Number, t time.Time) []byte {
	return protowire.AppendFixed64(protowire.AppendTag(b, num, protowire.Fixed64Type), uint64(t.UnixMicro()))
}

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

package otlp

import (
	"cmp"
	"encoding/binary"
	"math"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/openzipkin/zipkin-go/model"
	"google.golang.org/protobuf/encoding/protowire"

	"bookservice/tracer/finished"
	"bookservice/tracer/internal/wire"
)

// Field numbers of OTLP's messages (opentelemetry-proto: collector/trace/v1, trace/v1 and
// common/v1).
const (
	requestResourceSpans = 1

	resourceSpansResource   = 1
	resourceSpansScopeSpans = 2

	scopeSpansScope = 1
	scopeSpansSpans = 2

	spanTraceID       = 1
	spanID            = 2
	spanTraceState    = 3
	spanParentID      = 4
	spanName          = 5
	spanKind          = 6
	spanStart         = 7
	spanEnd           = 8
	spanAttributes    = 9
	spanEvents        = 11
	spanDroppedEvents = 12
	spanLinks         = 13
	spanDroppedLinks  = 14
	spanStatus        = 15
	spanFlags         = 16

	linkTraceID    = 1
	linkSpanID     = 2
	linkTraceState = 3
	linkAttributes = 4

	eventTime       = 1
	eventName       = 2
	eventAttributes = 3

	statusMessage = 2
	statusCode    = 3
	statusError   = 2

	keyValueKey   = 1
	keyValueValue = 2

	anyString = 1
	anyBool   = 2
	anyInt    = 3
	anyDouble = 4

	flagSampled     = 0x01
	flagRemoteKnown = 0x100
	flagIsRemote    = 0x200
)

// Attributes of OpenTelemetry's semantic conventions.
const (
	attrPeerService = "peer.service"
	attrPeerAddress = "network.peer.address"
	attrPeerPort    = "network.peer.port"
	attrServerName  = "server.address" // of the peer of a client
	attrServerPort  = "server.port"
	attrClientName  = "client.address" // of the peer of a server
	attrClientPort  = "client.port"
	attrMessage     = "exception.message"
	attrType        = "exception.type"
	attrRefType     = "opentracing.ref_type"
	eventException  = "exception"
)

// exceptionAttributes maps the fields of a logged error to attributes (OpenTelemetry: OpenTracing
// compatibility). Attribute names are unique: of two fields that map to one name, the second keeps
// its own name; of two fields with one name, the first is used.
var exceptionAttributes = map[string]string{
	"error.object":  attrMessage,
	"error":         attrMessage, // OpenTracing before version 1.2
	"error.message": attrMessage,
	"err":           attrMessage,
	"message":       attrMessage,
	"payload":       attrMessage, // of OpenTracing's deprecated log methods
	fieldErrorKind:  attrType,
	"stack":         "exception.stacktrace",
}

const fieldErrorKind = "error.kind"

// appendSpan appends the span to b as a ScopeSpans message with one span. Concatenated messages are
// one message with all spans.
func appendSpan(b []byte, s *finished.Span) []byte {
	return wire.AppendMessage(b, scopeSpansSpans, func(b []byte) []byte {
		return appendSpanFields(b, s)
	})
}

func appendSpanFields(b []byte, s *finished.Span) []byte {
	m := &s.Model
	var id [16]byte
	binary.BigEndian.PutUint64(id[:8], m.TraceID.High)
	binary.BigEndian.PutUint64(id[8:], m.TraceID.Low)
	b = wire.AppendBytes(b, spanTraceID, id[:])
	binary.BigEndian.PutUint64(id[:8], uint64(m.ID))
	b = wire.AppendBytes(b, spanID, id[:8])
	b = wire.AppendString(b, spanTraceState, s.Tracestate)
	if m.ParentID != nil {
		binary.BigEndian.PutUint64(id[:8], uint64(*m.ParentID))
		b = wire.AppendBytes(b, spanParentID, id[:8])
	}
	b = wire.AppendString(b, spanName, m.Name)
	b = wire.AppendVarint(b, spanKind, kindNumber(m.Kind))
	b = appendNanos(b, spanStart, m.Timestamp)
	b = appendNanos(b, spanEnd, m.Timestamp.Add(m.Duration))
	for _, t := range s.Tags {
		switch t.Key {
		case finished.TagDroppedLogs, finished.TagDroppedLinks, finished.TagReferences:
		default:
			b = appendAttribute(b, spanAttributes, t)
		}
	}
	b = appendPeer(b, s)
	for _, r := range s.Logs {
		b = wire.AppendMessage(b, spanEvents, func(b []byte) []byte { return appendEvent(b, r) })
	}
	b = wire.AppendVarint(b, spanDroppedEvents, uint64(s.DroppedLogs))
	for _, l := range s.Links {
		b = wire.AppendMessage(b, spanLinks, func(b []byte) []byte { return appendLink(b, l) })
	}
	b = wire.AppendVarint(b, spanDroppedLinks, uint64(s.DroppedLinks))
	b = appendStatus(b, s.Error)
	return wire.AppendFixed32(b, spanFlags, flags(s))
}

// flags says that the span is sampled, and whether its parent is remote.
func flags(s *finished.Span) uint32 {
	f := uint32(flagSampled | flagRemoteKnown)
	if s.ParentRemote {
		f |= flagIsRemote
	}
	return f
}

// appendStatus makes the error tag the status. Without an error the status is unset, as
// OpenTelemetry requires of instrumentation.
func appendStatus(b []byte, message string) []byte {
	switch message {
	case "":
		return b
	case "true":
		message = ""
	}
	return wire.AppendMessage(b, spanStatus, func(b []byte) []byte {
		b = wire.AppendString(b, statusMessage, message)
		return wire.AppendVarint(b, statusCode, statusError)
	})
}

// appendPeer appends the attributes of the peer that no tag has: attribute names are unique.
func appendPeer(b []byte, s *finished.Span) []byte {
	var e model.Endpoint
	if s.Model.RemoteEndpoint != nil {
		e = *s.Model.RemoteEndpoint
	}
	add := func(t finished.Tag) {
		if t.Value != "" && !s.HasTag(t.Key) {
			b = appendAttribute(b, spanAttributes, t)
		}
	}
	addPort := func(key string) {
		if e.Port != 0 {
			add(finished.Tag{Key: key, Value: strconv.Itoa(int(e.Port)), Type: finished.Int})
		}
	}
	add(finished.Tag{Key: attrPeerService, Value: e.ServiceName})
	for _, ip := range []net.IP{e.IPv4, e.IPv6} { // at most one is set
		if len(ip) > 0 {
			add(finished.Tag{Key: attrPeerAddress, Value: ip.String()})
		}
	}
	if len(e.IPv4)+len(e.IPv6) > 0 || s.PeerHost == "" {
		addPort(attrPeerPort)
	}
	if s.PeerHost != "" {
		name, port := attrServerName, attrServerPort
		if s.Model.Kind == model.Server || s.Model.Kind == model.Consumer {
			name, port = attrClientName, attrClientPort
		}
		add(finished.Tag{Key: name, Value: s.PeerHost})
		addPort(port)
	}
	return b
}

// appendLink appends a reference to another span, as OpenTelemetry's OpenTracing compatibility
// describes it.
func appendLink(b []byte, l finished.Link) []byte {
	var id [16]byte
	binary.BigEndian.PutUint64(id[:8], l.TraceID.High)
	binary.BigEndian.PutUint64(id[8:], l.TraceID.Low)
	b = wire.AppendBytes(b, linkTraceID, id[:])
	binary.BigEndian.PutUint64(id[:8], uint64(l.ID))
	b = wire.AppendBytes(b, linkSpanID, id[:8])
	b = wire.AppendString(b, linkTraceState, l.Tracestate)
	refType := "child_of"
	if l.FollowsFrom {
		refType = "follows_from"
	}
	return appendAttribute(b, linkAttributes, finished.Tag{Key: attrRefType, Value: refType})
}

// unknownType is the type of an exception whose Go type is not known.
const unknownType = "error"

// appendEvent names the event after the record's event. An error gets OpenTelemetry's names for
// exceptions, and their type and message.
func appendEvent(b []byte, r finished.LogRecord) []byte {
	name := r.Get(finished.FieldEvent)
	exception := name == "error" || name == "" && r.ErrorType != ""
	switch {
	case exception:
		name = eventException
	case name == "":
		name = "log"
	}
	b = wire.AppendString(appendNanos(b, eventTime, r.Time), eventName, name)
	used := append(make([]string, 0, 8), finished.FieldEvent)
	add := func(t finished.Tag) {
		if !slices.Contains(used, t.Key) {
			used = append(used, t.Key)
			b = appendAttribute(b, eventAttributes, t)
		}
	}
	typ := cmp.Or(r.Get(fieldErrorKind), r.ErrorType, unknownType)
	for _, f := range r.Fields {
		renamed := exceptionAttributes[f.Key]
		if exception && renamed != "" && !slices.Contains(used, renamed) && saysMore(f.Value) {
			f.Key = renamed
		}
		add(f)
	}
	if exception {
		add(finished.Tag{Key: attrType, Value: typ})
		add(finished.Tag{Key: attrMessage, Value: typ})
	}
	return b
}

// saysMore reports whether the value of a field says more about an error than that there is one.
func saysMore(value string) bool {
	return value != "" && value != "true" && value != "false" && value != "<nil>"
}

func appendAttribute(b []byte, num protowire.Number, t finished.Tag) []byte {
	return wire.AppendMessage(b, num, func(b []byte) []byte {
		b = wire.AppendString(b, keyValueKey, t.Key)
		return wire.AppendMessage(b, keyValueValue, func(b []byte) []byte {
			return appendAny(b, t)
		})
	})
}

// appendAny appends the value with the type that it had. Unlike other fields, the fields of
// AnyValue are written even if they are zero.
func appendAny(b []byte, t finished.Tag) []byte {
	switch t.Type {
	case finished.Bool:
		b = protowire.AppendTag(b, anyBool, protowire.VarintType)
		return protowire.AppendVarint(b, protowire.EncodeBool(t.Value == "true"))
	case finished.Int:
		if v, err := strconv.ParseInt(t.Value, 10, 64); err == nil {
			b = protowire.AppendTag(b, anyInt, protowire.VarintType)
			return protowire.AppendVarint(b, uint64(v))
		}
	case finished.Float:
		if v, err := strconv.ParseFloat(t.Value, 64); err == nil {
			return wire.AppendFixed64(b, anyDouble, math.Float64bits(v))
		}
	}
	b = protowire.AppendTag(b, anyString, protowire.BytesType)
	return protowire.AppendString(b, t.Value)
}

func appendNanos(b []byte, num protowire.Number, t time.Time) []byte {
	return wire.AppendFixed64(b, num, uint64(t.UnixNano()))
}

func kindNumber(k model.Kind) uint64 {
	switch k {
	case model.Server:
		return 2
	case model.Client:
		return 3
	case model.Producer:
		return 4
	case model.Consumer:
		return 5
	}
	return 1 // internal
}

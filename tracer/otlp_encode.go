package tracer

import (
	"encoding/binary"
	"math"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/openzipkin/zipkin-go/model"
	"google.golang.org/protobuf/encoding/protowire"
)

// Field numbers of OTLP's messages (opentelemetry-proto, trace/v1 and common/v1).
const (
	scopeSpansSpans = 2

	otlpTraceID, otlpSpanID, otlpTraceState, otlpParentID, otlpName, otlpKind = 1, 2, 3, 4, 5, 6
	otlpStart, otlpEnd, otlpAttributes, otlpEvents, otlpStatus, otlpFlags     = 7, 8, 9, 11, 15, 16

	eventTime, eventName, eventAttributes = 1, 2, 3
	statusMessage, statusCode             = 2, 3

	keyValueKey, keyValueValue                 = 1, 2
	anyString, anyBool, anyInt, anyDouble      = 1, 2, 3, 4
	statusError                                = 2
	flagSampled, flagRemoteKnown, flagIsRemote = 0x01, 0x100, 0x200
)

// Attributes (OpenTelemetry's semantic conventions).
const (
	attrPeerService = "peer.service"
	attrPeerAddress = "network.peer.address"
	attrPeerPort    = "network.peer.port"
	attrMessage     = "exception.message"
	eventException  = "exception"
)

// exceptionAttributes are the names that the fields of a logged error get (OpenTelemetry's compatibility with OpenTracing).
// Names of attributes are unique: of two that are messages the second keeps its own, of two with one name the first counts.
var exceptionAttributes = map[string]string{
	fieldObject:  attrMessage,
	"error.kind": "exception.type",
	"message":    attrMessage,
	"stack":      "exception.stacktrace",
}

// appendScoped appends the span to b as ScopeSpans with this one span. Joined end to end they are ScopeSpans with all of
// them.
func appendScoped(b []byte, f *finished) []byte {
	return appendMessage(b, scopeSpansSpans, func(b []byte) []byte { return appendOTLP(b, f) })
}

func appendOTLP(b []byte, f *finished) []byte {
	m := &f.model
	var id [16]byte
	binary.BigEndian.PutUint64(id[:8], m.TraceID.High)
	binary.BigEndian.PutUint64(id[8:], m.TraceID.Low)
	b = appendBytes(b, otlpTraceID, id[:])
	binary.BigEndian.PutUint64(id[:8], uint64(m.ID))
	b = appendBytes(b, otlpSpanID, id[:8])
	b = appendText(b, otlpTraceState, f.span.own.tracestate())
	if m.ParentID != nil {
		binary.BigEndian.PutUint64(id[:8], uint64(*m.ParentID))
		b = appendBytes(b, otlpParentID, id[:8])
	}
	b = appendText(b, otlpName, m.Name)
	b = appendVarint(b, otlpKind, otlpKindNumber(m.Kind))
	b = appendNanos(b, otlpStart, m.Timestamp)
	b = appendNanos(b, otlpEnd, m.Timestamp.Add(m.Duration))
	f.eachTag(func(t tag) {
		if t.key != tagError {
			b = appendAttribute(b, otlpAttributes, t)
		}
	})
	b = appendPeer(b, f)
	for _, r := range f.span.logs {
		b = appendMessage(b, otlpEvents, func(b []byte) []byte { return appendEvent(b, r) })
	}
	b = appendStatus(b, f)
	return protowire.AppendFixed32(protowire.AppendTag(b, otlpFlags, protowire.Fixed32Type), f.otlpFlags())
}

// otlpFlags says that the span is sampled and, where it is known, whether its parent is another process's.
func (f *finished) otlpFlags() uint32 {
	flags := uint32(flagSampled | flagRemoteKnown)
	if f.span.fromRemote {
		flags |= flagIsRemote
	}
	return flags
}

// appendStatus makes the error tag the span's status; without one the status is unset, as is right for instrumentation.
func appendStatus(b []byte, f *finished) []byte {
	message, failed := f.errTag, f.errTag != ""
	if !failed {
		message, failed = f.span.textError()
	}
	if !failed {
		return b
	}
	if message == "true" {
		message = ""
	}
	return appendMessage(b, otlpStatus, func(b []byte) []byte {
		return appendVarint(appendText(b, statusMessage, message), statusCode, statusError)
	})
}

// textError returns an error tag that has a text of its own.
func (s *span) textError() (string, bool) {
	for _, t := range s.tags {
		if t.key == tagError {
			return t.value, true
		}
	}
	return "", false
}

// appendPeer appends what the tags do not say already: keys of attributes are unique.
func appendPeer(b []byte, f *finished) []byte {
	e := f.model.RemoteEndpoint
	if e == nil {
		return b
	}
	add := func(t tag) {
		if t.value != "" && !f.hasTag(t.key) {
			b = appendAttribute(b, otlpAttributes, t)
		}
	}
	add(tag{key: attrPeerService, value: e.ServiceName})
	for _, ip := range []net.IP{e.IPv4, e.IPv6} { // one of them at most is set
		if len(ip) > 0 {
			add(tag{key: attrPeerAddress, value: ip.String()})
		}
	}
	if e.Port != 0 {
		add(tag{attrPeerPort, strconv.Itoa(int(e.Port)), typeInt})
	}
	return b
}

// appendEvent names the event after the record's event, and an error as OpenTelemetry names exceptions.
func appendEvent(b []byte, r record) []byte {
	name := r.get(fieldEvent)
	exception := name == "error"
	switch {
	case exception:
		name = eventException
	case name == "":
		name = "log"
	}
	b = appendText(appendNanos(b, eventTime, r.at), eventName, name)
	taken := append(make([]string, 0, 8), fieldEvent)
	for _, f := range r.fields {
		if renamed := exceptionAttributes[f.key]; exception && renamed != "" && !slices.Contains(taken, renamed) {
			f.key = renamed
		}
		if !slices.Contains(taken, f.key) {
			taken = append(taken, f.key)
			b = appendAttribute(b, eventAttributes, f)
		}
	}
	return b
}

// appendAttribute gives the value back the type that it had.
func appendAttribute(b []byte, num protowire.Number, t tag) []byte {
	return appendMessage(b, num, func(b []byte) []byte {
		b = appendText(b, keyValueKey, t.key)
		return appendMessage(b, keyValueValue, func(b []byte) []byte { return appendAny(b, t) })
	})
}

func appendAny(b []byte, t tag) []byte {
	switch t.typ {
	case typeBool:
		return protowire.AppendVarint(protowire.AppendTag(b, anyBool, protowire.VarintType), protowire.EncodeBool(t.value == "true"))
	case typeInt:
		if v, err := strconv.ParseInt(t.value, 10, 64); err == nil {
			return protowire.AppendVarint(protowire.AppendTag(b, anyInt, protowire.VarintType), uint64(v))
		}
	case typeFloat:
		if v, err := strconv.ParseFloat(t.value, 64); err == nil {
			return protowire.AppendFixed64(protowire.AppendTag(b, anyDouble, protowire.Fixed64Type), math.Float64bits(v))
		}
	}
	return protowire.AppendString(protowire.AppendTag(b, anyString, protowire.BytesType), t.value)
}

func appendNanos(b []byte, num protowire.Number, t time.Time) []byte {
	return protowire.AppendFixed64(protowire.AppendTag(b, num, protowire.Fixed64Type), uint64(t.UnixNano()))
}

func otlpKindNumber(k model.Kind) uint64 {
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

package encoding

import (
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/openzipkin/zipkin-go/model"

	"bookservice/tracer/finished"
	"bookservice/tracer/internal/spancontext"
)

// AppendJSON appends the span to b as an object of Zipkin's v2 JSON format (openzipkin/zipkin-api).
func AppendJSON(b []byte, s *finished.Span) []byte {
	m := &s.Model
	b = append(b, `{"traceId":"`...)
	if m.TraceID.High != 0 {
		b = spancontext.AppendHex(b, m.TraceID.High)
	}
	b = spancontext.AppendHex(b, m.TraceID.Low)
	b = spancontext.AppendHex(append(b, `","id":"`...), uint64(m.ID))
	if m.ParentID != nil {
		b = spancontext.AppendHex(append(b, `","parentId":"`...), uint64(*m.ParentID))
	}
	b = append(b, '"')
	if m.Kind != model.Undetermined {
		b = appendString(append(b, `,"kind":`...), string(m.Kind))
	}
	b = appendString(append(b, `,"name":`...), m.Name)
	b = appendMicros(append(b, `,"timestamp":`...), m.Timestamp)
	if m.Duration != 0 { // otherwise the span has not ended
		b = strconv.AppendInt(append(b, `,"duration":`...), micros(m.Duration), 10)
	}
	b = appendJSONEndpoint(b, `,"localEndpoint":`, m.LocalEndpoint)
	b = appendJSONEndpoint(b, `,"remoteEndpoint":`, m.RemoteEndpoint)
	b = appendJSONAnnotations(b, m.Annotations)
	b = appendJSONTags(b, s)
	if m.Debug {
		b = append(b, `,"debug":true`...)
	}
	return append(b, '}')
}

// AppendJSONLine appends the span as [AppendJSON] does, followed by a newline.
func AppendJSONLine(b []byte, s *finished.Span) []byte { return append(AppendJSON(b, s), '\n') }

func appendJSONEndpoint(b []byte, name string, e *model.Endpoint) []byte {
	if e.Empty() {
		return b
	}
	b = append(b, name...)
	separator := byte('{')
	field := func(key string) {
		b = append(append(b, separator), key...)
		separator = ','
	}
	if e.ServiceName != "" {
		field(`"serviceName":`)
		b = appendString(b, e.ServiceName)
	}
	if len(e.IPv4) > 0 {
		field(`"ipv4":`)
		b = appendString(b, e.IPv4.String())
	}
	if len(e.IPv6) > 0 {
		field(`"ipv6":`)
		b = appendString(b, e.IPv6.String())
	}
	if e.Port != 0 {
		field(`"port":`)
		b = strconv.AppendUint(b, uint64(e.Port), 10)
	}
	return append(b, '}')
}

func appendJSONAnnotations(b []byte, annotations []model.Annotation) []byte {
	for i, a := range annotations {
		if i == 0 {
			b = append(b, `,"annotations":[`...)
		} else {
			b = append(b, ',')
		}
		b = appendMicros(append(b, `{"timestamp":`...), a.Timestamp)
		b = append(appendString(append(b, `,"value":`...), a.Value), '}')
	}
	if len(annotations) > 0 {
		b = append(b, ']')
	}
	return b
}

func appendJSONTags(b []byte, s *finished.Span) []byte {
	first := true
	s.EachTag(func(t finished.Tag) {
		if first {
			b = append(b, `,"tags":{`...)
		} else {
			b = append(b, ',')
		}
		first = false
		b = appendString(append(appendString(b, t.Key), ':'), t.Value)
	})
	if !first {
		b = append(b, '}')
	}
	return b
}

func appendMicros(b []byte, t time.Time) []byte { return strconv.AppendInt(b, t.UnixMicro(), 10) }

// appendString appends a JSON string (RFC 8259). s is valid UTF-8, as all text of a finished span.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < 0x20:
			b = append(b, '\\', 'u', '0', '0')
			b = append(b, spancontext.HexDigits[c>>4], spancontext.HexDigits[c&0xf])
		case c < utf8.RuneSelf:
			b = append(b, c)
		default:
			_, size := utf8.DecodeRuneInString(s[i:])
			b = append(b, s[i:i+size]...)
			i += size - 1
		}
	}
	return append(b, '"')
}

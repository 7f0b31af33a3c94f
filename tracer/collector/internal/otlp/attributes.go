package otlp

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"bookservice/tracer/collector/internal/zipkinv2"
)

// tags returns the tags of a span. Those of the resource and the scope come first: the last value
// of a key wins.
func (c *Converter) tags(s *tracepb.Span, common []zipkinv2.Tag) []zipkinv2.Tag {
	tags := make([]zipkinv2.Tag, 0, len(common)+len(s.GetAttributes())+2)
	tags = append(tags, common...)
	for _, a := range s.GetAttributes() {
		value := text(a.GetValue())
		if a.GetKey() == "error" && value == "false" {
			continue // for Zipkin each span with this tag has failed
		}
		tags = append(tags, c.tag(a.GetKey(), value))
	}
	switch s.GetStatus().GetCode() {
	case tracepb.Status_STATUS_CODE_OK:
		tags = append(tags, c.tag("otel.status_code", "OK"))
	case tracepb.Status_STATUS_CODE_ERROR:
		tags = append(tags, c.tag("otel.status_code", "ERROR"),
			c.tag("error", s.GetStatus().GetMessage()))
	default:
	}
	for _, dropped := range []struct {
		name  string
		count uint32
	}{
		{"otel.dropped_attributes_count", s.GetDroppedAttributesCount()},
		{"otel.dropped_events_count", s.GetDroppedEventsCount()},
		{"otel.dropped_links_count", s.GetDroppedLinksCount()},
	} {
		if dropped.count > 0 {
			tags = append(tags, c.tag(dropped.name, strconv.Itoa(int(dropped.count))))
		}
	}
	if s.GetTraceState() != "" {
		tags = append(tags, c.tag("w3c.tracestate", s.GetTraceState()))
	}
	for i, l := range s.GetLinks() {
		tags = append(tags, c.tag(fmt.Sprintf("otlp.link.%d", i), link(l)))
	}
	return tags
}

func link(l *tracepb.Span_Link) string {
	return fmt.Sprintf("%s|%s|%s|%s|%d", hex.EncodeToString(l.GetTraceId()),
		hex.EncodeToString(l.GetSpanId()), l.GetTraceState(),
		appendMap(nil, l.GetAttributes()), l.GetDroppedAttributesCount())
}

// event returns the text of an annotation: the name, and the attributes if there are any.
func event(e *tracepb.Span_Event) string {
	if len(e.GetAttributes()) == 0 {
		return e.GetName()
	}
	b := append(zipkinv2.AppendString(nil, e.GetName()), ": "...)
	return string(appendMap(b, e.GetAttributes()))
}

// text returns a value as the value of a tag: numbers and texts as they are, lists as JSON.
func text(v *commonpb.AnyValue) string {
	switch v := v.GetValue().(type) {
	case nil:
		return ""
	case *commonpb.AnyValue_StringValue:
		return v.StringValue
	case *commonpb.AnyValue_BytesValue:
		return base64.StdEncoding.EncodeToString(v.BytesValue)
	}
	return string(appendValue(nil, v, 0))
}

// maxDepth limits nested values.
const maxDepth = 32

func appendValue(b []byte, v *commonpb.AnyValue, depth int) []byte {
	if depth > maxDepth {
		return append(b, "null"...)
	}
	switch v := v.GetValue().(type) {
	case *commonpb.AnyValue_StringValue:
		return zipkinv2.AppendString(b, v.StringValue)
	case *commonpb.AnyValue_BoolValue:
		return strconv.AppendBool(b, v.BoolValue)
	case *commonpb.AnyValue_IntValue:
		return strconv.AppendInt(b, v.IntValue, 10)
	case *commonpb.AnyValue_DoubleValue:
		return appendDouble(b, v.DoubleValue)
	case *commonpb.AnyValue_BytesValue:
		return zipkinv2.AppendString(b, base64.StdEncoding.EncodeToString(v.BytesValue))
	case *commonpb.AnyValue_ArrayValue:
		b = append(b, '[')
		for i, element := range v.ArrayValue.GetValues() {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendValue(b, element, depth+1)
		}
		return append(b, ']')
	case *commonpb.AnyValue_KvlistValue:
		return appendFields(b, v.KvlistValue.GetValues(), depth+1)
	}
	return append(b, "null"...)
}

func appendDouble(b []byte, v float64) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return append(b, strings.TrimPrefix(strconv.FormatFloat(v, 'g', -1, 64), "+")...)
	}
	return strconv.AppendFloat(b, v, 'g', -1, 64)
}

func appendMap(b []byte, fields []*commonpb.KeyValue) []byte { return appendFields(b, fields, 0) }

func appendFields(b []byte, fields []*commonpb.KeyValue, depth int) []byte {
	b = append(b, '{')
	for i, f := range fields {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(zipkinv2.AppendString(b, f.GetKey()), ':')
		b = appendValue(b, f.GetValue(), depth)
	}
	return append(b, '}')
}

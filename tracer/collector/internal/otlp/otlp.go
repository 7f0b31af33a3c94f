// Package otlp reads OpenTelemetry's trace protocol and turns its spans into Zipkin's, by the
// OpenTelemetry specification ("OpenTelemetry to Zipkin Transformation"). What that leaves open is
// as in the exporter of OpenTelemetry's collector: attributes of the resource are tags too, links
// are tags otlp.link.N, the trace state is the tag w3c.tracestate.
package otlp

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"math"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"bookservice/tracer/collector/internal/zipkinv2"
)

// ReadProto reads a message ExportTraceServiceRequest.
func ReadProto(body []byte) ([]*tracepb.ResourceSpans, error) {
	var data tracepb.TracesData // has the same field
	err := proto.Unmarshal(body, &data)
	return data.GetResourceSpans(), err
}

// ReadJSON reads the same in JSON. In OTLP, unlike in protobuf's JSON, ids are hexadecimal.
func ReadJSON(body []byte) ([]*tracepb.ResourceSpans, error) {
	var data tracepb.TracesData
	err := protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(body, &data)
	if err != nil {
		return nil, err
	}
	for _, r := range data.GetResourceSpans() {
		for _, scope := range r.GetScopeSpans() {
			for _, s := range scope.GetSpans() {
				s.TraceId, s.SpanId = fromHex(s.TraceId), fromHex(s.SpanId)
				s.ParentSpanId = fromHex(s.ParentSpanId)
				for _, l := range s.GetLinks() {
					l.TraceId, l.SpanId = fromHex(l.TraceId), fromHex(l.SpanId)
				}
			}
		}
	}
	return data.GetResourceSpans(), nil
}

// fromHex corrects an id that was read as base64 but is hexadecimal. The digits of an id are valid
// base64 of a multiple of 4 digits, so the text can be restored.
func fromHex(wrong []byte) []byte {
	id, err := hex.DecodeString(base64.StdEncoding.EncodeToString(wrong))
	if err != nil {
		return nil
	}
	return id
}

// A Converter turns spans into Zipkin's. It must not be used concurrently.
type Converter struct{ decoder *zipkinv2.Decoder }

// NewConverter returns a converter whose spans share texts by the decoder.
func NewConverter(d *zipkinv2.Decoder) *Converter { return &Converter{d} }

// Convert returns the spans, and how many of them have no valid ids.
func (c *Converter) Convert(
	resources []*tracepb.ResourceSpans,
) (all []*zipkinv2.Span, rejected int) {
	for _, r := range resources {
		resource := c.resource(r)
		for _, scope := range r.GetScopeSpans() {
			common := c.scope(resource, scope)
			for _, s := range scope.GetSpans() {
				span, ok := c.span(s, common)
				if !ok {
					rejected++
					continue
				}
				all = append(all, span)
			}
		}
	}
	return all, rejected
}

// common is what all spans of a scope have.
type common struct {
	local *zipkinv2.Endpoint
	tags  []zipkinv2.Tag
}

func (c *Converter) resource(r *tracepb.ResourceSpans) common {
	service := "unknown_service" // the specification's default
	var tags []zipkinv2.Tag
	for _, a := range r.GetResource().GetAttributes() {
		if a.GetKey() == "service.name" && a.GetValue().GetStringValue() != "" {
			service = a.GetValue().GetStringValue()
			continue
		}
		tags = append(tags, c.tag(a.GetKey(), text(a.GetValue())))
	}
	endpoint := zipkinv2.Endpoint{Service: c.decoder.Lower([]byte(service))}
	return common{c.decoder.Endpoint(endpoint), tags}
}

func (c *Converter) scope(resource common, s *tracepb.ScopeSpans) common {
	tags := append([]zipkinv2.Tag(nil), resource.tags...)
	if name := s.GetScope().GetName(); name != "" {
		tags = append(tags, c.tag("otel.scope.name", name))
	}
	if version := s.GetScope().GetVersion(); version != "" {
		tags = append(tags, c.tag("otel.scope.version", version))
	}
	return common{resource.local, tags}
}

func (c *Converter) tag(key, value string) zipkinv2.Tag {
	return zipkinv2.Tag{Key: c.decoder.Text([]byte(key)), Value: c.decoder.Text([]byte(value))}
}

func (c *Converter) span(s *tracepb.Span, in common) (*zipkinv2.Span, bool) {
	if len(s.GetTraceId()) != 16 || len(s.GetSpanId()) != 8 {
		return nil, false
	}
	span := &zipkinv2.Span{
		TraceID: zipkinv2.TraceID{
			High: binary.BigEndian.Uint64(s.GetTraceId()),
			Low:  binary.BigEndian.Uint64(s.GetTraceId()[8:]),
		},
		ID:        binary.BigEndian.Uint64(s.GetSpanId()),
		Name:      c.decoder.Lower([]byte(s.GetName())),
		Kind:      kind(s.GetKind()),
		Timestamp: micros(s.GetStartTimeUnixNano()),
		Local:     in.local,
	}
	if span.TraceID == (zipkinv2.TraceID{}) || span.ID == 0 {
		return nil, false
	}
	if len(s.GetParentSpanId()) == 8 {
		span.Parent = binary.BigEndian.Uint64(s.GetParentSpanId())
	}
	if end := s.GetEndTimeUnixNano(); end != 0 {
		span.Duration = 1 // the shortest there is
		if start := s.GetStartTimeUnixNano(); end > start {
			span.Duration = max(1, micros(end-start))
		}
	}
	span.Remote = c.remote(s, span.Kind)
	span.Tags = c.tags(s, in.tags)
	for _, e := range s.GetEvents() {
		span.Annotations = append(span.Annotations, zipkinv2.Annotation{
			Timestamp: micros(e.GetTimeUnixNano()), Value: c.decoder.Text([]byte(event(e))),
		})
	}
	span.Finish()
	return span, true
}

func micros(nanos uint64) int64 {
	return int64(min(nanos/1000, math.MaxInt64)) // it fits
}

func kind(k tracepb.Span_SpanKind) zipkinv2.Kind {
	switch k {
	case tracepb.Span_SPAN_KIND_CLIENT:
		return zipkinv2.KindClient
	case tracepb.Span_SPAN_KIND_SERVER:
		return zipkinv2.KindServer
	case tracepb.Span_SPAN_KIND_PRODUCER:
		return zipkinv2.KindProducer
	case tracepb.Span_SPAN_KIND_CONSUMER:
		return zipkinv2.KindConsumer
	default:
		return zipkinv2.KindNone
	}
}

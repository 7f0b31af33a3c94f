package receiver

import (
	"encoding/binary"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/openzipkin/zipkin-go/model"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

// Tags of Zipkin for what OTLP has fields for.
const (
	tagDroppedLogs  = "otel.dropped_events_count"
	tagDroppedLinks = "otel.dropped_links_count"
	tagReferences   = "opentracing.references"
)

// SpanModels converts spans of OTLP to zipkin-go's model, in the direction that OpenTelemetry
// specifies (Transformation to Zipkin): an error status is the tag error, an event an annotation.
func SpanModels(resourceSpans []*tracepb.ResourceSpans) []model.SpanModel {
	var all []model.SpanModel
	for _, resource := range resourceSpans {
		service := stringAttribute(resource.GetResource().GetAttributes(), "service.name")
		for _, scope := range resource.GetScopeSpans() {
			for _, s := range scope.GetSpans() {
				all = append(all, spanModel(s, service))
			}
		}
	}
	return all
}

func stringAttribute(list []*commonpb.KeyValue, key string) string {
	for _, a := range list {
		if a.GetKey() == key {
			return a.GetValue().GetStringValue()
		}
	}
	return ""
}

var kinds = map[tracepb.Span_SpanKind]model.Kind{
	tracepb.Span_SPAN_KIND_CLIENT:   model.Client,
	tracepb.Span_SPAN_KIND_SERVER:   model.Server,
	tracepb.Span_SPAN_KIND_PRODUCER: model.Producer,
	tracepb.Span_SPAN_KIND_CONSUMER: model.Consumer,
}

func spanModel(s *tracepb.Span, service string) model.SpanModel {
	m := model.SpanModel{
		Name:          s.GetName(),
		Kind:          kinds[s.GetKind()],
		Timestamp:     time.Unix(0, int64(s.GetStartTimeUnixNano())),
		Duration:      time.Duration(s.GetEndTimeUnixNano() - s.GetStartTimeUnixNano()),
		LocalEndpoint: &model.Endpoint{ServiceName: service},
		Tags:          map[string]string{},
	}
	m.TraceID = model.TraceID{
		High: binary.BigEndian.Uint64(s.GetTraceId()),
		Low:  binary.BigEndian.Uint64(s.GetTraceId()[8:]),
	}
	m.ID = model.ID(binary.BigEndian.Uint64(s.GetSpanId()))
	if len(s.GetParentSpanId()) > 0 {
		parent := model.ID(binary.BigEndian.Uint64(s.GetParentSpanId()))
		m.ParentID = &parent
	}
	var peer model.Endpoint
	for _, a := range s.GetAttributes() {
		if !setPeer(&peer, a) {
			m.Tags[a.GetKey()] = text(a.GetValue())
		}
	}
	if !peer.Empty() {
		m.RemoteEndpoint = &peer
	}
	if st := s.GetStatus(); st.GetCode() == tracepb.Status_STATUS_CODE_ERROR {
		if m.Tags["error"] = st.GetMessage(); st.GetMessage() == "" {
			m.Tags["error"] = "true"
		}
	}
	setCount(m.Tags, tagDroppedLogs, s.GetDroppedEventsCount())
	setCount(m.Tags, tagDroppedLinks, s.GetDroppedLinksCount())
	if links := s.GetLinks(); len(links) > 0 {
		m.Tags[tagReferences] = references(links)
	}
	for _, e := range s.GetEvents() {
		m.Annotations = append(m.Annotations, model.Annotation{
			Timestamp: time.Unix(0, int64(e.GetTimeUnixNano())), Value: eventText(e),
		})
	}
	return m
}

func setCount(tags map[string]string, key string, n uint32) {
	if n > 0 {
		tags[key] = strconv.FormatUint(uint64(n), 10)
	}
}

// references renders links as the tag for formats without links.
func references(links []*tracepb.Span_Link) string {
	var all []string
	for _, l := range links {
		kind := stringAttribute(l.GetAttributes(), "opentracing.ref_type")
		all = append(all, fmt.Sprintf("%s:%x:%x", kind, l.GetTraceId(), l.GetSpanId()))
	}
	return strings.Join(all, ",")
}

// setPeer reports whether the attribute describes the peer.
func setPeer(peer *model.Endpoint, a *commonpb.KeyValue) bool {
	switch a.GetKey() {
	case "peer.service":
		peer.ServiceName = a.GetValue().GetStringValue()
	case "network.peer.address":
		if ip := net.ParseIP(a.GetValue().GetStringValue()); ip.To4() != nil {
			peer.IPv4 = ip
		} else {
			peer.IPv6 = ip
		}
	case "network.peer.port", "server.port", "client.port":
		peer.Port = uint16(a.GetValue().GetIntValue())
	case "server.address", "client.address": // Zipkin has only the tag that it is from
	default:
		return false
	}
	return true
}

func text(value *commonpb.AnyValue) string {
	switch v := value.GetValue().(type) {
	case *commonpb.AnyValue_IntValue:
		return strconv.FormatInt(v.IntValue, 10)
	case *commonpb.AnyValue_BoolValue:
		return strconv.FormatBool(v.BoolValue)
	case *commonpb.AnyValue_DoubleValue:
		return strconv.FormatFloat(v.DoubleValue, 'g', -1, 64)
	}
	return value.GetStringValue()
}

// eventText renders an event as a log record is rendered in an annotation.
func eventText(e *tracepb.Span_Event) string {
	var fields []string
	for _, a := range e.GetAttributes() {
		fields = append(fields, a.GetKey()+"="+text(a.GetValue()))
	}
	switch {
	case len(fields) == 0:
		return e.GetName()
	case e.GetName() == "log":
		return strings.Join(fields, " ")
	}
	return "event=" + e.GetName() + " " + strings.Join(fields, " ")
}

package interop_test

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openzipkin/zipkin-go/model"
	"github.com/openzipkin/zipkin-go/reporter"
	zipkinhttp "github.com/openzipkin/zipkin-go/reporter/http"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"bookservice/tracer/all"
	"bookservice/tracer/tracertest/receiver"
	"bookservice/tracer/tracertest/testkit"
	"bookservice/tracer/tracertest/zipkinserver"
)

// A collector receives the spans of all parties, in the format of each party.
type collector interface {
	// configure makes our tracer send to the collector.
	configure(c *all.Config)
	// exporter returns an exporter for the SDK of OpenTelemetry.
	exporter(t *testing.T) sdktrace.SpanExporter
	// reporter returns a reporter for zipkin-go.
	reporter(t *testing.T) reporter.Reporter
	// trace returns the spans of a trace, once there are as many as spans says.
	trace(t *testing.T, id string, spans int) []span
}

// collectors start a collector for a test.
var collectors = map[string]func(*testing.T) collector{
	"otlp":   func(t *testing.T) collector { return startOTLP(t) },
	"zipkin": func(t *testing.T) collector { return zipkinCollector{zipkinserver.Start(t)} },
}

// A span is the part of a span that every collector has.
type span struct {
	trace, id, parent string // hexadecimal digits, 32 for the trace; the parent of a root is empty
	name              string // in lower case, as Zipkin stores it
	service           string
	kind              model.Kind
	failed            bool
	state             string // tracestate of W3C, which only OTLP contains
}

func fromZipkin(m model.SpanModel) span {
	s := span{
		trace: longID(m.TraceID.String()), id: m.ID.String(),
		name: strings.ToLower(m.Name), kind: m.Kind,
	}
	if m.ParentID != nil {
		s.parent = m.ParentID.String()
	}
	if m.LocalEndpoint != nil {
		s.service = m.LocalEndpoint.ServiceName
	}
	_, s.failed = m.Tags["error"]
	return s
}

// longID pads a trace's id of 64 bits to 128 bits, as OpenTelemetry does.
func longID(hex string) string { return strings.Repeat("0", 32-len(hex)) + hex }

func fromOTLP(s *tracepb.Span, service string) span {
	return span{
		trace:   hex.EncodeToString(s.GetTraceId()),
		id:      hex.EncodeToString(s.GetSpanId()),
		parent:  hex.EncodeToString(s.GetParentSpanId()),
		name:    strings.ToLower(s.GetName()),
		service: service,
		kind:    otlpKinds[s.GetKind()],
		failed:  s.GetStatus().GetCode() == tracepb.Status_STATUS_CODE_ERROR,
		state:   s.GetTraceState(),
	}
}

var otlpKinds = map[tracepb.Span_SpanKind]model.Kind{
	tracepb.Span_SPAN_KIND_CLIENT:   model.Client,
	tracepb.Span_SPAN_KIND_SERVER:   model.Server,
	tracepb.Span_SPAN_KIND_PRODUCER: model.Producer,
	tracepb.Span_SPAN_KIND_CONSUMER: model.Consumer,
}

func serviceName(attributes []*commonpb.KeyValue) string {
	for _, a := range attributes {
		if a.GetKey() == "service.name" {
			return a.GetValue().GetStringValue()
		}
	}
	return ""
}

// An otlpCollector receives OTLP. It is also the reporter of zipkin-go, which has no OTLP.
type otlpCollector struct {
	*receiver.OTLP

	mu       sync.Mutex
	reported []span
}

func startOTLP(t *testing.T) *otlpCollector {
	t.Helper()
	return &otlpCollector{OTLP: receiver.NewOTLP(t, nil)}
}

// Send implements [reporter.Reporter].
func (c *otlpCollector) Send(m model.SpanModel) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reported = append(c.reported, fromZipkin(m))
}

// Close implements [reporter.Reporter].
func (c *otlpCollector) Close() error { return nil }

func (c *otlpCollector) configure(to *all.Config) {
	to.Backend, to.OTLP.Endpoint = "otlp", c.GRPCURL
}

func (c *otlpCollector) reporter(*testing.T) reporter.Reporter { return c }

func (c *otlpCollector) exporter(t *testing.T) sdktrace.SpanExporter {
	t.Helper()
	client := otlptracegrpc.NewClient(otlptracegrpc.WithEndpointURL(c.GRPCURL))
	e, err := otlptrace.New(t.Context(), client)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// all returns the spans that have arrived.
func (c *otlpCollector) all() []span {
	var all []span
	for _, resource := range c.ResourceSpans() {
		service := serviceName(resource.GetResource().GetAttributes())
		for _, scope := range resource.GetScopeSpans() {
			for _, s := range scope.GetSpans() {
				all = append(all, fromOTLP(s, service))
			}
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return append(all, c.reported...)
}

func (c *otlpCollector) trace(t *testing.T, id string, spans int) []span {
	t.Helper()
	var have []span
	testkit.Eventually(t, fmt.Sprintf("%d spans of trace %s arrive", spans, id), func() bool {
		have = slices.DeleteFunc(c.all(), func(s span) bool { return s.trace != longID(id) })
		return len(have) >= spans
	})
	return have
}

// A zipkinCollector is a real Zipkin.
type zipkinCollector struct{ *zipkinserver.Server }

func (z zipkinCollector) spansURL() string { return z.URL + "/api/v2/spans" }

func (z zipkinCollector) configure(to *all.Config) {
	to.Backend, to.Zipkin.URL = "zipkin", z.spansURL()
}

func (z zipkinCollector) reporter(*testing.T) reporter.Reporter {
	return zipkinhttp.NewReporter(z.spansURL(), zipkinhttp.BatchInterval(50*time.Millisecond))
}

func (z zipkinCollector) exporter(t *testing.T) sdktrace.SpanExporter {
	t.Helper()
	return zipkinExporter{z.reporter(t)}
}

func (z zipkinCollector) trace(t *testing.T, id string, spans int) []span {
	t.Helper()
	var all []span
	for _, m := range z.Trace(t, id, spans) {
		all = append(all, fromZipkin(m))
	}
	return all
}

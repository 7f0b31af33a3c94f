package interop_test

import (
	"encoding/hex"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"bookservice/tracer/all"
	"bookservice/tracer/tracertest/receiver"
	"bookservice/tracer/tracertest/testkit"
	"bookservice/tracer/tracertest/zipkinserver"

	"github.com/openzipkin/zipkin-go/model"
	"github.com/openzipkin/zipkin-go/reporter"
	zipkinhttp "github.com/openzipkin/zipkin-go/reporter/http"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
)

// A collector takes the spans of every party, each in the way that the party knows.
type collector interface {
	// configure has a tracer of ours send here.
	configure(c *all.Config)
	// exporter has OpenTelemetry's SDK send here.
	exporter(t *testing.T) sdktrace.SpanExporter
	// reporter has zipkin-go send here.
	reporter(t *testing.T) reporter.Reporter
	// trace returns the spans of a trace once there are so many.
	trace(t *testing.T, id string, spans int) []span
}

// collectors are started when a test asks for them.
var collectors = map[string]func(*testing.T) collector{
	"otlp":   func(t *testing.T) collector { return startOTLP(t) },
	"zipkin": func(t *testing.T) collector { return zipkinCollector{zipkinserver.Start(t)} },
}

// A span is what all collectors know of one.
type span struct {
	trace, id, parent string // in hexadecimal digits, the trace's 32; no parent is empty
	name              string // in lower case: Zipkin makes it so
	service           string
	kind              model.Kind
	failed            bool
	state             string // W3C's tracestate, which only OTLP has a place for
}

func fromZipkin(m model.SpanModel) span {
	s := span{trace: longID(m.TraceID.String()), id: m.ID.String(), name: strings.ToLower(m.Name), kind: m.Kind}
	if m.ParentID != nil {
		s.parent = m.ParentID.String()
	}
	if m.LocalEndpoint != nil {
		s.service = m.LocalEndpoint.ServiceName
	}
	_, s.failed = m.Tags["error"]
	return s
}

// longID fills an id of 64 bits up to 128, as OpenTelemetry has it.
func longID(hex string) string { return strings.Repeat("0", 32-len(hex)) + hex }

func fromOTLP(s *tracepb.Span, service string) span {
	return span{
		trace: hex.EncodeToString(s.GetTraceId()), id: hex.EncodeToString(s.GetSpanId()), parent: hex.EncodeToString(s.GetParentSpanId()),
		name: strings.ToLower(s.GetName()), service: service, kind: otlpKinds[s.GetKind()],
		failed: s.GetStatus().GetCode() == tracepb.Status_STATUS_CODE_ERROR, state: s.GetTraceState(),
	}
}

var otlpKinds = map[tracepb.Span_SpanKind]model.Kind{
	tracepb.Span_SPAN_KIND_CLIENT: model.Client, tracepb.Span_SPAN_KIND_SERVER: model.Server,
	tracepb.Span_SPAN_KIND_PRODUCER: model.Producer, tracepb.Span_SPAN_KIND_CONSUMER: model.Consumer,
}

// An otlpCollector receives OTLP, and the spans that zipkin-go reports beside it.
type otlpCollector struct {
	*receiver.OTLP

	mu       sync.Mutex
	reported []span
}

func startOTLP(t *testing.T) *otlpCollector {
	t.Helper()
	return &otlpCollector{OTLP: receiver.NewOTLP(t, nil)}
}

// listen serves on a free port until the end of the test, and returns the address.
func listen(t *testing.T, srv *grpc.Server) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(l) }()
	t.Cleanup(func() { srv.Stop(); <-done })
	return l.Addr().String()
}

func serviceName(attributes []*commonpb.KeyValue) string {
	for _, a := range attributes {
		if a.GetKey() == "service.name" {
			return a.GetValue().GetStringValue()
		}
	}
	return ""
}

// Send implements reporter.Reporter.
func (c *otlpCollector) Send(m model.SpanModel) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reported = append(c.reported, fromZipkin(m))
}

// Close implements reporter.Reporter.
func (c *otlpCollector) Close() error { return nil }

func (c *otlpCollector) configure(to *all.Config) { to.Backend, to.OTLP.Endpoint = "otlp", c.GRPCURL }

func (c *otlpCollector) reporter(*testing.T) reporter.Reporter { return c }

func (c *otlpCollector) exporter(t *testing.T) sdktrace.SpanExporter {
	t.Helper()
	e, err := otlptrace.New(t.Context(), otlptracegrpc.NewClient(otlptracegrpc.WithEndpointURL(c.GRPCURL)))
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

package interop_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	zipkin "github.com/openzipkin/zipkin-go"
	zipkinhttp "github.com/openzipkin/zipkin-go/reporter/http"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"

	spanstore "bookservice/tracer/collector"
	"bookservice/tracer/collector/otlpgrpc"
)

// A span as the collector returns it.
type collected struct {
	Kind, Name     string
	Duration       int64
	LocalEndpoint  struct{ ServiceName string }
	RemoteEndpoint struct{ ServiceName string }
	Tags           map[string]string
	Annotations    []struct{ Value string }
}

type newExporter func(context.Context) (sdktrace.SpanExporter, error)

// Programs with OpenTelemetry's SDK and with zipkin-go send to the collector without a change: over
// HTTP, with and without compression, and over gRPC.
func TestForeignTracersSendToTheCollector(t *testing.T) {
	c, err := spanstore.New(spanstore.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(c)
	t.Cleanup(web.Close)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	otlpgrpc.Register(server, c)
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	t.Cleanup(func() { server.Stop(); <-done })

	grpcURL := "http://" + l.Addr().String()
	otlpHTTP := func(opts ...otlptracehttp.Option) newExporter {
		return func(ctx context.Context) (sdktrace.SpanExporter, error) {
			return otlptracehttp.New(ctx, append(opts,
				otlptracehttp.WithEndpointURL(web.URL+"/v1/traces"))...)
		}
	}
	for name, exporter := range map[string]newExporter{
		"OTLP over HTTP": otlpHTTP(),
		"OTLP over HTTP, gzip": otlpHTTP(
			otlptracehttp.WithCompression(otlptracehttp.GzipCompression)),
		"OTLP over gRPC": func(ctx context.Context) (sdktrace.SpanExporter, error) {
			return otlptracegrpc.New(ctx, otlptracegrpc.WithEndpointURL(grpcURL))
		},
		"OTLP over gRPC, gzip": func(ctx context.Context) (sdktrace.SpanExporter, error) {
			return otlptracegrpc.New(ctx, otlptracegrpc.WithEndpointURL(grpcURL),
				otlptracegrpc.WithCompressor("gzip"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			id := sendByOTel(t, exporter)
			s := collectedTrace(t, web.URL, id)
			if s.Kind != "CLIENT" || s.Name != "get /" || s.Duration == 0 ||
				s.LocalEndpoint.ServiceName != "shop" || s.RemoteEndpoint.ServiceName != "stock" ||
				s.Tags["items"] != "[1,2]" || s.Tags["error"] != "sold out" ||
				s.Tags["otel.status_code"] != "ERROR" || s.Tags["otel.scope.name"] != "lib" ||
				len(s.Annotations) != 1 ||
				s.Annotations[0].Value != `"exception": {"exception.type":"*errors.errorString",`+
					`"exception.message":"no"}` {
				t.Errorf("have %+v", s)
			}
		})
	}
	t.Run("zipkin-go", func(t *testing.T) {
		reporter := zipkinhttp.NewReporter(web.URL + "/api/v2/spans")
		endpoint, err := zipkin.NewEndpoint("Shop", "127.0.0.1:80")
		if err != nil {
			t.Fatal(err)
		}
		tracer, err := zipkin.NewTracer(reporter, zipkin.WithLocalEndpoint(endpoint))
		if err != nil {
			t.Fatal(err)
		}
		span := tracer.StartSpan("GET /")
		span.Tag("k", "v")
		span.Finish()
		if err := reporter.Close(); err != nil {
			t.Fatal(err)
		}
		s := collectedTrace(t, web.URL, span.Context().TraceID.String())
		if s.Name != "get /" || s.LocalEndpoint.ServiceName != "shop" || s.Tags["k"] != "v" {
			t.Errorf("have %+v", s)
		}
	})
}

// sendByOTel sends a span and returns the id of its trace.
func sendByOTel(t *testing.T, open newExporter) string {
	t.Helper()
	exporter, err := open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter),
		sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", "Shop"))))
	_, span := provider.Tracer("lib").Start(t.Context(), "GET /",
		trace.WithSpanKind(trace.SpanKindClient))
	span.SetAttributes(attribute.IntSlice("items", []int{1, 2}),
		attribute.String("peer.service", "stock"))
	span.RecordError(errors.New("no"))
	span.SetStatus(codes.Error, "sold out")
	span.End()
	if err := provider.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	return span.SpanContext().TraceID().String()
}

// collectedTrace returns the only span of a trace.
func collectedTrace(t *testing.T, url, id string) collected {
	t.Helper()
	resp, err := http.Get(fmt.Sprintf("%s/api/v2/trace/%s", url, id))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var spans []collected
	if err := json.NewDecoder(resp.Body).Decode(&spans); err != nil || len(spans) != 1 {
		t.Fatalf("have %s, %+v, %v, want one span", resp.Status, spans, err)
	}
	return spans[0]
}

package main

import (
	"context"
	"errors"
	"io"
	"log"
	"time"

	"github.com/openzipkin/zipkin-go"
	"github.com/openzipkin/zipkin-go/model"
	zipkinreporter "github.com/openzipkin/zipkin-go/reporter"
	zipkinhttp "github.com/openzipkin/zipkin-go/reporter/http"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"bookservice/tracer/tracertest/faults"
)

// zipkinGo returns zipkin-go with its HTTP reporter.
func zipkinGo() faults.Sender {
	open := func(_ context.Context, url, _ string) (faults.Session, error) {
		quiet := zipkinhttp.Logger(log.New(io.Discard, "", 0))
		r := zipkinhttp.NewReporter(url+"/api/v2/spans", quiet)
		tr, err := zipkin.NewTracer(r)
		return zipkinSession{tr, r, faults.Tags()}, err
	}
	return faults.Sender{Name: "zipkin-go reporter", Open: open}
}

type zipkinSession struct {
	tracer   *zipkin.Tracer
	reporter zipkinreporter.Reporter
	tags     [][2]string
}

// Finish implements [faults.Session].
func (z zipkinSession) Finish(name string) {
	s := z.tracer.StartSpan(name, zipkin.Kind(model.Server))
	for _, t := range z.tags {
		s.Tag(t[0], t[1])
	}
	s.Finish()
}

// Close implements [faults.Session]. It abandons a Close that takes longer than any fault lasts,
// because zipkin-go has no limit.
func (z zipkinSession) Close() error {
	closed := make(chan error, 1)
	go func() { closed <- z.reporter.Close() }()
	select {
	case err := <-closed:
		return err
	case <-time.After(6 * faults.FlushTimeout):
		return errors.New("zipkin-go: Close has not returned")
	}
}

// openTelemetry returns OpenTelemetry's SDK with its batch span processor and its exporter of OTLP
// over HTTP.
func openTelemetry() faults.Sender {
	open := func(ctx context.Context, url, _ string) (faults.Session, error) {
		endpoint := otlptracehttp.WithEndpointURL(url + "/v1/traces")
		exporter, err := otlptracehttp.New(ctx, endpoint)
		if err != nil {
			return nil, err
		}
		provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(quiet{exporter}))
		return otelSession{provider, provider.Tracer("books"), faults.Tags()}, nil
	}
	return faults.Sender{Name: "OpenTelemetry batcher", Open: open}
}

// quiet hides the exporter's errors from the global handler, which only logs them.
type quiet struct{ sdktrace.SpanExporter }

// ExportSpans implements [sdktrace.SpanExporter].
func (q quiet) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	_ = q.SpanExporter.ExportSpans(ctx, spans)
	return nil
}

type otelSession struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
	tags     [][2]string
}

// Finish implements [faults.Session].
func (o otelSession) Finish(name string) {
	_, s := o.tracer.Start(context.Background(), name, trace.WithSpanKind(trace.SpanKindServer))
	for _, t := range o.tags {
		s.SetAttributes(attribute.String(t[0], t[1]))
	}
	s.End()
}

// Close implements [faults.Session].
func (o otelSession) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), faults.FlushTimeout)
	defer cancel()
	return o.provider.Shutdown(ctx)
}

package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/opentracing/opentracing-go"
	zipkinot "github.com/openzipkin-contrib/zipkin-go-opentracing"
	"github.com/openzipkin/zipkin-go"
	"github.com/openzipkin/zipkin-go/model"
	"github.com/openzipkin/zipkin-go/reporter"
	zipkinhttp "github.com/openzipkin/zipkin-go/reporter/http"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"bookservice/cmd/bookbench/internal/ours"
	"bookservice/configs"
	"bookservice/tracer"
	"bookservice/tracer/all"
	"bookservice/tracer/delivery"
)

// roundTrip answers every request with 202.
type roundTrip struct{}

// RoundTrip implements [http.RoundTripper].
func (roundTrip) RoundTrip(r *http.Request) (*http.Response, error) {
	_, _ = io.Copy(io.Discard, r.Body)
	return &http.Response{
		StatusCode: http.StatusAccepted, Body: io.NopCloser(strings.NewReader("")), Request: r,
	}, nil
}

// discard is an exporter that discards spans.
type discard struct{}

// ExportSpans implements [sdktrace.SpanExporter].
func (discard) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return nil }

// Shutdown implements [sdktrace.SpanExporter].
func (discard) Shutdown(context.Context) error { return nil }

// BenchmarkHandOver gives a finished span to the queue. What is sent is encoded and discarded by
// zipkin-go, and discarded by the others; OpenTelemetry's processor drops spans here.
func BenchmarkHandOver(b *testing.B) {
	b.Run("zipkin-go", func(b *testing.B) {
		r := zipkinhttp.NewReporter("http://127.0.0.1:1",
			zipkinhttp.Logger(log.New(io.Discard, "", 0)),
			zipkinhttp.Client(&http.Client{Transport: roundTrip{}}))
		defer r.Close()
		span := model.SpanModel{Name: "get", Tags: map[string]string{"a": "b"}}
		b.ReportAllocs()
		for b.Loop() {
			r.Send(span)
		}
	})
	b.Run("OpenTelemetry", func(b *testing.B) {
		p := sdktrace.NewBatchSpanProcessor(discard{})
		provider := sdktrace.NewTracerProvider()
		_, span := provider.Tracer("books").Start(b.Context(), "get")
		span.End()
		ended := span.(sdktrace.ReadOnlySpan)
		b.ReportAllocs()
		for b.Loop() {
			p.OnEnd(ended)
		}
		b.StopTimer()
		if err := p.Shutdown(context.Background()); err != nil {
			b.Error(err)
		}
	})
	b.Run("ours", func(b *testing.B) {
		send := func(context.Context, delivery.Batch) error { return nil }
		q, err := delivery.New(delivery.Config{}, send, ours.Quiet())
		if err != nil {
			b.Fatal(err)
		}
		span := make([]byte, 250)
		b.ReportAllocs()
		for b.Loop() {
			q.Add(span)
		}
		b.StopTimer()
		if err := q.Close(context.Background()); err != nil {
			b.Error(err)
		}
	})
}

// openTracers returns the tracers that the benchmarks compare. Ours sends to a collector in this
// process.
func openTracers(b *testing.B) map[string]opentracing.Tracer {
	b.Helper()
	collector := httptest.NewServer(http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.WriteHeader(http.StatusAccepted)
		}))
	b.Cleanup(collector.Close)
	native, err := zipkin.NewTracer(reporter.NewNoopReporter())
	if err != nil {
		b.Fatal(err)
	}
	tracers := map[string]opentracing.Tracer{"bare bridge": zipkinot.Wrap(native)}
	for name, inject := range map[string]string{
		"ours, default headers": configs.DefaultServer().Tracer.Propagation.Inject,
		"ours, w3c":             "w3c",
		"ours, b3multi":         "b3multi",
	} {
		c := configs.DefaultServer().Tracer
		c.Backend, c.Zipkin.URL, c.Propagation.Inject = "zipkin", collector.URL, inject
		tr, closer, err := all.Open(b.Context(), c, tracer.WithLogger(ours.Quiet()))
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() {
			if err := closer.Close(); err != nil {
				b.Error(err)
			}
		})
		tracers[name] = tr
	}
	return tracers
}

// BenchmarkInject writes the headers of a span to a map.
func BenchmarkInject(b *testing.B) {
	for name, tr := range openTracers(b) {
		b.Run(name, func(b *testing.B) {
			sc, out := tr.StartSpan("get").Context(), opentracing.TextMapCarrier{}
			b.ReportAllocs()
			for b.Loop() {
				if err := tr.Inject(sc, opentracing.TextMap, out); err != nil {
					b.Fatal(err)
				}
			}
			if len(out) == 0 {
				b.Error("have no headers")
			}
		})
	}
	b.Run("OpenTelemetry", func(b *testing.B) {
		provider := sdktrace.NewTracerProvider()
		ctx, _ := provider.Tracer("books").Start(b.Context(), "get")
		out := propagation.MapCarrier{}
		b.ReportAllocs()
		for b.Loop() {
			propagation.TraceContext{}.Inject(ctx, out)
		}
		if len(out) == 0 {
			b.Error("have no headers")
		}
	})
}

// BenchmarkExtract reads the headers that the same tracer writes, from a map.
func BenchmarkExtract(b *testing.B) {
	for name, tr := range openTracers(b) {
		b.Run(name, func(b *testing.B) {
			sc, in := tr.StartSpan("get").Context(), opentracing.TextMapCarrier{}
			if err := tr.Inject(sc, opentracing.TextMap, in); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := tr.Extract(opentracing.TextMap, in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("OpenTelemetry", func(b *testing.B) {
		in := propagation.MapCarrier{
			"traceparent": fmt.Sprintf("00-%032x-%016x-01", 1, 1),
		}
		b.ReportAllocs()
		for b.Loop() {
			propagation.TraceContext{}.Extract(context.Background(), in)
		}
	})
}

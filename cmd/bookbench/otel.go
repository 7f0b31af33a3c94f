package main

import (
	"context"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/zipkin"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/grpc"

	"bookservice/api/book"
)

// An openExporter opens an exporter of OpenTelemetry.
type openExporter func(*env) (sdktrace.SpanExporter, error)

func openOTLP(e *env) (sdktrace.SpanExporter, error) {
	return otlptracegrpc.New(context.Background(),
		otlptracegrpc.WithInsecure(), otlptracegrpc.WithEndpoint(e.OTLP))
}

func openOTelZipkin(e *env) (sdktrace.SpanExporter, error) { return zipkin.New(e.Zipkin) }

// provider opens OpenTelemetry's SDK with its batch span processor.
func provider(
	e *env, service string, open openExporter, share float64,
) (*sdktrace.TracerProvider, error) {
	exporter, err := open(e)
	if err != nil {
		return nil, err
	}
	p := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(share))),
		sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", service))),
	)
	e.onFlush(p.ForceFlush)
	e.onClose(func() error { return p.Shutdown(context.Background()) })
	return p, nil
}

// otelRow is raw gRPC with the instrumentation of OpenTelemetry.
func otelRow(name string, open openExporter, share float64) row {
	options := func(e *env, service string) ([]otelgrpc.Option, error) {
		p, err := provider(e, service, open, share)
		return []otelgrpc.Option{
			otelgrpc.WithTracerProvider(p), otelgrpc.WithPropagators(propagation.TraceContext{}),
		}, err
	}
	serve := func(e *env) (string, error) {
		opts, err := options(e, "bookserver")
		if err != nil {
			return "", err
		}
		s := grpc.NewServer(grpc.StatsHandler(otelgrpc.NewServerHandler(opts...)))
		book.RegisterBookServiceServer(s, rawServer{books: newLibrary(e.Books)})
		return e.serve(s)
	}
	dial := func(e *env, addr string) (call, error) {
		opts, err := options(e, "bookclient")
		if err != nil {
			return nil, err
		}
		conn, err := e.connect(addr, grpc.WithStatsHandler(otelgrpc.NewClientHandler(opts...)))
		if err != nil {
			return nil, err
		}
		return generated(e, conn), nil
	}
	return row{name: name, spans: 2, share: share, serve: serve, dial: dial}
}

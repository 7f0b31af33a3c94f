package main

import (
	"context"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/zipkin" //nolint:staticcheck // SA1019: is still in use
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/grpc"

	"bookservice/api/book"
	"bookservice/cmd/bookbench/internal/side"
)

// An openExporter opens an exporter of OpenTelemetry.
type openExporter func(*side.Env) (sdktrace.SpanExporter, error)

func openOTLP(e *side.Env) (sdktrace.SpanExporter, error) {
	return otlptracegrpc.New(context.Background(),
		otlptracegrpc.WithInsecure(), otlptracegrpc.WithEndpoint(e.OTLP))
}

func openOTelZipkin(e *side.Env) (sdktrace.SpanExporter, error) { return zipkin.New(e.Zipkin) }

// provider opens OpenTelemetry's SDK with its batch span processor.
func provider(
	e *side.Env, service string, open openExporter, share float64,
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
	e.OnFlush(p.ForceFlush)
	e.OnClose(func() error { return p.Shutdown(context.Background()) })
	return p, nil
}

// instrumented is raw gRPC with the instrumentation of OpenTelemetry.
func instrumented(open openExporter, share float64) side.Way {
	options := func(e *side.Env, service string) ([]otelgrpc.Option, error) {
		p, err := provider(e, service, open, share)
		return []otelgrpc.Option{
			otelgrpc.WithTracerProvider(p), otelgrpc.WithPropagators(propagation.TraceContext{}),
		}, err
	}
	serve := func(e *side.Env) (string, error) {
		opts, err := options(e, "bookserver")
		if err != nil {
			return "", err
		}
		s := grpc.NewServer(grpc.StatsHandler(otelgrpc.NewServerHandler(opts...)))
		book.RegisterBookServiceServer(s, side.RawServer{Books: side.NewLibrary(e.Books)})
		return e.Serve(s)
	}
	dial := func(e *side.Env, addr string) (side.Call, error) {
		opts, err := options(e, "bookclient")
		if err != nil {
			return nil, err
		}
		conn, err := e.Connect(addr, grpc.WithStatsHandler(otelgrpc.NewClientHandler(opts...)))
		if err != nil {
			return nil, err
		}
		return side.Generated(e, conn), nil
	}
	return side.Way{Serve: serve, Dial: dial}
}

// Package interop has only tests. The book service with the tracer of this project, and services
// with tracers of other projects, call each other over sockets. A collector gets the spans of both,
// and each call must be one trace. The other projects are OpenTelemetry (otelgrpc, W3C headers),
// go-kit's Zipkin tracing (B3 headers) and jaeger-client-go.
package interop

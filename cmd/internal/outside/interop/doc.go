// Package interop has no code, but tests: the book service, traced by package tracer, and services of others with tracers
// of their own call each other over real sockets, and a collector must be able to make one trace of it. The others are
// OpenTelemetry (otelgrpc, with W3C headers), go-kit's native Zipkin (B3 headers) and jaeger-client-go.
package interop

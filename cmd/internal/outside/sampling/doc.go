// Package sampling has only tests. They compare the probability sampler of package tracer with
// OpenTelemetry's TraceIDRatioBased: both record the same traces.
package sampling

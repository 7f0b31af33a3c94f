// Package propagation has only a test. It passes the context of a trace from OpenTelemetry's SDK
// through the headers of package tracer to OpenTelemetry's SDK.
package propagation

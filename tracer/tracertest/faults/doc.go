// Package faults is a collector of spans that goes wrong in the ways that collectors do, and what becomes of spans that are
// sent to it meanwhile: by this module's tracer, by zipkin-go's HTTP reporter and by OpenTelemetry's batch exporter, each
// with its defaults. All names the faults, Run has a sender go through one,
// and Serve only goes wrong.
//
// The collector takes Zipkin's v2 API (protobuf and JSON) and OTLP over HTTP. A span has arrived when it was in a request
// that the collector has answered with success, in full: what it could not acknowledge it has not kept.
package faults

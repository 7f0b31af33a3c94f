// Package faults simulates collectors that fail, and measures which spans arrive nevertheless. The
// senders are this module's tracer, zipkin-go's HTTP reporter and OpenTelemetry's batch exporter,
// each with its defaults. [All] lists the faults, [Run] sends spans during a fault, and
// [Fault.Serve] only starts a collector that fails.
//
// The collector accepts Zipkin's v2 API (protobuf and JSON) and OTLP over HTTP. It counts the spans
// of a request only if it answers the request with success, completely.
package faults

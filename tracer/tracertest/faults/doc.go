// Package faults simulates collectors that fail, and measures which spans arrive nevertheless.
// [All] lists the faults, [Run] sends spans during a fault, and [Fault.Serve] only starts a
// collector that fails. [Ours] is the tracer of this module as a [Sender]; senders of other
// projects are implemented outside.
//
// The collector accepts Zipkin's v2 API (protobuf and JSON) and OTLP over HTTP. It counts the spans
// of a request only if it answers the request with success, completely.
package faults

// Package tracertest has what tests of tracers need. It starts a real Zipkin and reads back what that received: what a
// collector holds is the only proof of a trace.
package tracertest

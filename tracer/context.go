package tracer

import "github.com/opentracing/opentracing-go"

// A SpanContext names a span within its trace and carries what travels with it. The span contexts
// of every tracer of this package implement it, except those of noop and of [WithTracer].
type SpanContext interface {
	opentracing.SpanContext
	// TraceID returns the trace id as 32 lower-case hexadecimal digits, or as 16 if the trace began
	// with an id of 64 bits. It is empty if no id is known: a decision not to sample may arrive
	// without ids.
	TraceID() string
	// SpanID returns the span id as 16 lower-case hexadecimal digits, or "".
	SpanID() string
	// Sampled reports whether the spans of the trace are recorded.
	Sampled() bool
}

// TraceID returns the trace id of a [SpanContext], and false for any other span context.
func TraceID(sc opentracing.SpanContext) (string, bool) {
	c, ok := sc.(SpanContext)
	if !ok {
		return "", false
	}
	id := c.TraceID()
	return id, id != ""
}

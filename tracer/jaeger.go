package tracer

import "strings"

// Bits of the flags in uber-trace-id.
const (
	jaegerSampled = 1
	jaegerDebug   = 2
)

// appendJaeger appends the value of Jaeger's uber-trace-id: {trace id}:{span id}:{parent id, or 0}:{flags}. Like
// traceparent it cannot leave the decision open.
func appendJaeger(b []byte, c *SpanContext) []byte {
	if c.traceHi != 0 {
		b = appendHex(b, c.traceHi)
	}
	b = appendHex(b, c.traceLo)
	b = appendHex(append(b, ':'), c.spanID)
	b = append(b, ':')
	if c.parentID != 0 {
		b = appendHex(b, c.parentID)
	} else {
		b = append(b, '0')
	}
	switch c.decision {
	case accept:
		return append(b, ":1"...)
	case debug:
		return append(b, ":3"...)
	}
	return append(b, ":0"...)
}

// readJaeger reads uber-trace-id. Its ids may come without their leading zeros, and its colons percent-encoded.
func (e *extractor) readJaeger() (c SpanContext, is reading) {
	switch {
	case e.jaeger.value == "":
		return c, absent
	case e.jaeger.repeated:
		return c, malformed
	}
	c, ok := parseJaeger(strings.ReplaceAll(strings.ReplaceAll(e.jaeger.value, "%3A", ":"), "%3a", ":"))
	if !ok {
		return SpanContext{}, malformed
	}
	return c, wellFormed
}

func parseJaeger(s string) (c SpanContext, ok bool) {
	trace, rest, _ := strings.Cut(s, ":")
	span, rest, _ := strings.Cut(rest, ":")
	parent, state, _ := strings.Cut(rest, ":")
	if len(state) > 2 || !c.setIDs(trace, span) {
		return c, false
	}
	flags, ok := parseHex(state)
	if !ok {
		return c, false
	}
	switch {
	case flags&jaegerDebug != 0:
		c.decision = debug
	case flags&jaegerSampled != 0:
		c.decision = accept
	default:
		c.decision = deny
	}
	c.parentID, ok = parseHex(parent)
	return c, ok
}

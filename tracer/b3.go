package tracer

import "strings"

// The B3 formats are those of openzipkin/b3-propagation.

// readB3Single reads the b3 header: {trace id}-{span id}[-{decision}[-{parent id}]], or a decision alone.
func (e *extractor) readB3Single(c *SpanContext) {
	if e.b3 == "" {
		return
	}
	if d, ok := b3Decision(e.b3); ok {
		c.decision = d
		return
	}
	next := SpanContext{}
	trace, rest, _ := strings.Cut(e.b3, "-")
	span, rest, more := strings.Cut(rest, "-")
	ok := (len(trace) == 16 || len(trace) == 32) && len(span) == 16 && next.setIDs(trace, span)
	if ok && more {
		var state, parent string
		state, parent, more = strings.Cut(rest, "-")
		next.decision, ok = b3Decision(state)
		if ok && more {
			next.parentID, ok = parseHex(parent)
			ok = ok && len(parent) == 16 && next.parentID != 0
		}
	}
	if !ok {
		e.malformed = true
		return
	}
	*c = next
}

func b3Decision(s string) (decision, bool) {
	switch s {
	case "0":
		return deny, true
	case "1":
		return accept, true
	case "d":
		return debug, true
	}
	return undecided, false
}

// readB3Multi reads the X-B3 headers. Ids shorter than their full length are taken: old tracers send them so.
func (e *extractor) readB3Multi(c *SpanContext) {
	next := SpanContext{decision: c.decision}
	ok := true
	if e.b3Trace != "" || e.b3Span != "" {
		ok = next.setIDs(e.b3Trace, e.b3Span)
	}
	if e.b3Parent != "" && ok {
		next.parentID, ok = parseHex(e.b3Parent)
	}
	switch strings.ToLower(e.b3Sampled) {
	case "":
	case "0", "false":
		next.decision = deny
	case "1", "true":
		next.decision = accept
	case "d":
		next.decision = debug
	default:
		ok = false
	}
	if e.b3Flags == "1" {
		next.decision = debug
	}
	if !ok {
		e.malformed = true
		return
	}
	*c = next
}

// setIDs sets trace and span id and reports whether they are well formed: hexadecimal, of 128 and 64 bits at most, and
// not zero, which Zipkin refuses together with all that comes in the same batch.
func (c *SpanContext) setIDs(trace, span string) bool {
	if trace == "" || len(trace) > 32 || span == "" || len(span) > 16 {
		return false
	}
	ok := true
	if high := len(trace) - 16; high > 0 {
		c.traceHi, ok = parseHex(trace[:high])
		trace = trace[high:]
	}
	if ok {
		c.traceLo, ok = parseHex(trace)
	}
	if ok {
		c.spanID, ok = parseHex(span)
	}
	return ok && c.traceHi|c.traceLo != 0 && c.spanID != 0
}

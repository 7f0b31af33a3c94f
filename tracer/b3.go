package tracer

import (
	"strings"

	"github.com/opentracing/opentracing-go"
)

// The B3 formats are those of openzipkin/b3-propagation.

// b3States are the decisions as the b3 header has them.
var b3States = [...]string{undecided: "", deny: "0", accept: "1", debug: "d"}

// appendB3 appends the value of the b3 header: {trace id}-{span id}[-{decision}[-{parent id}]]. A parent's id has no
// place while nothing is decided.
func appendB3(b []byte, c *SpanContext) []byte {
	if c.traceHi != 0 {
		b = appendHex(b, c.traceHi)
	}
	b = appendHex(b, c.traceLo)
	b = appendHex(append(b, '-'), c.spanID)
	if c.decision == undecided {
		return b
	}
	b = append(append(b, '-'), b3States[c.decision]...)
	if c.parentID != 0 {
		b = appendHex(append(b, '-'), c.parentID)
	}
	return b
}

// injectB3Multi cuts the X-B3 headers out of a traceparent that the parent's id follows.
func injectB3Multi(c *SpanContext, w opentracing.TextMapWriter, ids string) {
	if c.traceHi != 0 {
		w.Set(headerB3TraceID, ids[3:35])
	} else {
		w.Set(headerB3TraceID, ids[19:35])
	}
	w.Set(headerB3SpanID, ids[36:52])
	if c.parentID != 0 {
		w.Set(headerB3ParentID, ids[lenTraceparent:])
	}
	injectB3Decision(c.decision, w)
}

func injectB3Decision(d decision, w opentracing.TextMapWriter) {
	switch d {
	case deny, accept:
		w.Set(headerB3Sampled, b3States[d])
	case debug:
		w.Set(headerB3Flags, "1") // implies sampled: B3 says not to send both
	}
}

// readB3 reads the b3 header: ids with or without a decision, or a decision alone.
func (e *extractor) readB3() (c SpanContext, is reading) {
	switch {
	case e.b3.value == "":
		return c, absent
	case e.b3.repeated:
		return c, malformed
	}
	if d, ok := b3Decision(e.b3.value); ok {
		return SpanContext{decision: d}, wellFormed
	}
	if c, ok := parseB3(e.b3.value); ok {
		return c, wellFormed
	}
	return SpanContext{}, malformed
}

func parseB3(s string) (c SpanContext, ok bool) {
	trace, rest, _ := strings.Cut(s, "-")
	span, rest, decided := strings.Cut(rest, "-")
	if len(trace) != 16 && len(trace) != 32 || len(span) != 16 || !c.setIDs(trace, span) {
		return c, false
	}
	if !decided {
		return c, true
	}
	state, parent, hasParent := strings.Cut(rest, "-")
	if c.decision, ok = b3Decision(state); !ok || !hasParent {
		return c, ok
	}
	c.parentID, ok = parseHex(parent)
	return c, ok && len(parent) == 16
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

// readB3Multi reads the X-B3 headers. It takes ids shorter than their full length, and true and false: old tracers send
// them so.
func (e *extractor) readB3Multi() (c SpanContext, is reading) {
	if e.b3Trace.value == "" && e.b3Span.value == "" && e.b3Parent.value == "" && e.b3Sampled == "" && e.b3Flags == "" {
		return c, absent
	}
	ok := !e.b3Trace.repeated && !e.b3Span.repeated && !e.b3Parent.repeated
	if e.b3Trace.value != "" || e.b3Span.value != "" || e.b3Parent.value != "" {
		ok = ok && c.setIDs(e.b3Trace.value, e.b3Span.value)
	}
	if parent := e.b3Parent.value; ok && parent != "" {
		c.parentID, ok = parseHex(parent)
	}
	if ok {
		c.decision, ok = b3MultiDecision(e.b3Sampled, e.b3Flags)
	}
	if !ok {
		return SpanContext{}, malformed
	}
	return c, wellFormed
}

// b3MultiDecision reads X-B3-Sampled and X-B3-Flags. Of the flags only debug has a meaning.
func b3MultiDecision(sampled, flags string) (d decision, ok bool) {
	switch strings.ToLower(sampled) {
	case "":
	case "0", "false":
		d = deny
	case "1", "true":
		d = accept
	case "d":
		d = debug
	default:
		return undecided, false
	}
	if flags == "1" {
		d = debug
	}
	return d, true
}

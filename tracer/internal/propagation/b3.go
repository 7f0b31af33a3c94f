package propagation

import (
	"strings"

	"github.com/opentracing/opentracing-go"

	"bookservice/tracer/internal/spancontext"
)

// The B3 formats are specified in openzipkin/b3-propagation.

// b3States are the values of the decision in the b3 header.
var b3States = [...]string{
	spancontext.Undecided: "", spancontext.Deny: "0",
	spancontext.Accept: "1", spancontext.Debug: "d",
}

// appendB3 appends the value of the b3 header: {trace id}-{span id}[-{decision}[-{parent id}]]. An
// undecided context is written without its parent id, which must follow a decision.
func appendB3(b []byte, c *spancontext.Context) []byte {
	if c.TraceHi != 0 {
		b = spancontext.AppendHex(b, c.TraceHi)
	}
	b = spancontext.AppendHex(b, c.TraceLo)
	b = spancontext.AppendHex(append(b, '-'), c.ID)
	if c.Decision == spancontext.Undecided {
		return b
	}
	b = append(append(b, '-'), b3States[c.Decision]...)
	if c.ParentID != 0 {
		b = spancontext.AppendHex(append(b, '-'), c.ParentID)
	}
	return b
}

// injectB3Multi writes the X-B3 headers. ids is a traceparent that is followed by the parent id, if
// there is one; the headers are substrings of it.
func injectB3Multi(c *spancontext.Context, w opentracing.TextMapWriter, ids string) {
	if c.TraceHi != 0 {
		w.Set(headerB3TraceID, ids[3:35])
	} else {
		w.Set(headerB3TraceID, ids[19:35])
	}
	w.Set(headerB3SpanID, ids[36:52])
	if c.ParentID != 0 {
		w.Set(headerB3ParentID, ids[lenTraceparent:])
	}
	injectB3Decision(c.Decision, w)
}

func injectB3Decision(d spancontext.Decision, w opentracing.TextMapWriter) {
	switch d {
	case spancontext.Deny, spancontext.Accept:
		w.Set(headerB3Sampled, b3States[d])
	case spancontext.Debug:
		w.Set(headerB3Flags, "1") // implies sampled: B3 forbids sending both headers
	}
}

// readB3 reads the b3 header: ids with or without a decision, or a decision alone.
func (e *extractor) readB3() (c spancontext.Context, state parseState) {
	switch {
	case e.b3.value == "":
		return c, absent
	case e.b3.repeated:
		return c, malformed
	}
	if d, ok := b3Decision(e.b3.value); ok {
		return spancontext.Context{Decision: d}, wellFormed
	}
	if c, ok := parseB3(e.b3.value); ok {
		return c, wellFormed
	}
	return spancontext.Context{}, malformed
}

func parseB3(s string) (c spancontext.Context, ok bool) {
	trace, rest, _ := strings.Cut(s, "-")
	span, rest, decided := strings.Cut(rest, "-")
	if len(trace) != 16 && len(trace) != 32 || len(span) != 16 || !c.SetIDs(trace, span) {
		return c, false
	}
	if !decided {
		return c, true
	}
	state, parent, hasParent := strings.Cut(rest, "-")
	if c.Decision, ok = b3Decision(state); !ok || !hasParent {
		return c, ok
	}
	c.ParentID, ok = spancontext.ParseHex(parent)
	return c, ok && len(parent) == 16
}

func b3Decision(s string) (spancontext.Decision, bool) {
	switch s {
	case "0":
		return spancontext.Deny, true
	case "1":
		return spancontext.Accept, true
	case "d":
		return spancontext.Debug, true
	}
	return spancontext.Undecided, false
}

// readB3Multi reads the X-B3 headers. It accepts ids without leading zeros and the decisions true
// and false, which old tracers send.
func (e *extractor) readB3Multi() (c spancontext.Context, state parseState) {
	ids := e.b3Trace.value != "" || e.b3Span.value != "" || e.b3Parent.value != ""
	if !ids && e.b3Sampled == "" && e.b3Flags == "" {
		return c, absent
	}
	ok := !e.b3Trace.repeated && !e.b3Span.repeated && !e.b3Parent.repeated
	if ids {
		ok = ok && c.SetIDs(e.b3Trace.value, e.b3Span.value)
	}
	if parent := e.b3Parent.value; ok && parent != "" {
		c.ParentID, ok = spancontext.ParseHex(parent)
	}
	if ok {
		c.Decision, ok = b3MultiDecision(e.b3Sampled, e.b3Flags)
	}
	if !ok {
		return spancontext.Context{}, malformed
	}
	return c, wellFormed
}

// b3MultiDecision reads X-B3-Sampled and X-B3-Flags. The only flag with a meaning is debug.
func b3MultiDecision(sampled, flags string) (d spancontext.Decision, ok bool) {
	switch strings.ToLower(sampled) {
	case "":
	case "0", "false":
		d = spancontext.Deny
	case "1", "true":
		d = spancontext.Accept
	case "d":
		d = spancontext.Debug
	default:
		return spancontext.Undecided, false
	}
	if flags == "1" {
		d = spancontext.Debug
	}
	return d, true
}

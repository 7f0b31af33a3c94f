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
	case !e.b3.isSet():
		return c, absent
	case e.b3.unreadable:
		return c, malformed
	}
	if d, ok := b3Decision(e.b3.value); ok {
		return spancontext.Context{Decision: d}, wellFormed
	}
	c, lost, ok := parseB3(e.b3.value)
	if !ok {
		return spancontext.Context{}, malformed
	}
	e.malformed += lost
	return c, wellFormed
}

// parseB3 reads ids and the decision. A span id or a parent id that cannot be read is left out;
// lost is then 1.
func parseB3(s string) (c spancontext.Context, lost uint64, ok bool) {
	trace, rest, _ := strings.Cut(s, "-")
	span, rest, decided := strings.Cut(rest, "-")
	if span == "" || len(trace) != 16 && len(trace) != 32 || !c.SetTraceID(trace) {
		return c, 0, false
	}
	if len(span) != 16 || !c.SetSpanID(span) {
		c.ID, lost = 0, 1
	}
	if !decided {
		return c, lost, true
	}
	state, parent, hasParent := strings.Cut(rest, "-")
	if c.Decision, ok = b3Decision(state); !ok || strings.Contains(parent, "-") {
		return c, lost, false
	}
	if hasParent {
		if c.ParentID, ok = spancontext.ParseHex(parent); !ok || len(parent) != 16 {
			c.ParentID, lost = 0, 1
		}
	}
	return c, lost, true
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
// and false, which old tracers send. A header that cannot be read costs what it states, except the
// trace id. Services that forward the headers by hand send "undefined" for a header that they have
// not received.
func (e *extractor) readB3Multi() (c spancontext.Context, state parseState) {
	decision, ok := b3MultiDecision(e.b3Sampled, e.b3Flags)
	trace, span, parent := &e.b3Trace, &e.b3Span, &e.b3Parent
	switch {
	case !trace.isSet() && !span.isSet() && !parent.isSet():
		if e.b3Sampled == "" && e.b3Flags == "" {
			return c, absent
		}
		if !ok {
			return c, malformed
		}
		return spancontext.Context{Decision: decision}, wellFormed
	case trace.unreadable || !span.isSet() || !c.SetTraceID(trace.value):
		return spancontext.Context{}, malformed
	}
	c.Decision = decision
	if span.unreadable || !c.SetSpanID(span.value) {
		c.ID, ok = 0, false
	}
	// B3 demands the parent id of a span that is not the root. The b3 header is no evidence: Brave
	// leaves the parent id out there.
	c.StatedRoot = !parent.isSet()
	if parent.isSet() {
		var read bool
		if c.ParentID, read = spancontext.ParseHex(parent.value); parent.unreadable || !read {
			c.ParentID, ok = 0, false
		}
		c.StatedRoot = ok && c.ParentID == 0 // Envoy sends zeros
	}
	if !ok {
		e.malformed++
	}
	return c, wellFormed
}

// b3MultiDecision reads X-B3-Sampled and X-B3-Flags. The only flag with a meaning is debug.
func b3MultiDecision(sampled, flags string) (d spancontext.Decision, ok bool) {
	switch {
	case flags == "1":
		return spancontext.Debug, true
	case sampled == "":
		return spancontext.Undecided, true
	case sampled == "0", strings.EqualFold(sampled, "false"):
		return spancontext.Deny, true
	case sampled == "1", strings.EqualFold(sampled, "true"):
		return spancontext.Accept, true
	case strings.EqualFold(sampled, "d"):
		return spancontext.Debug, true
	}
	return spancontext.Undecided, false
}

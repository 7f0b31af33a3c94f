package propagation

import (
	"strings"

	"bookservice/tracer/internal/spancontext"
)

// Bits of the flags in uber-trace-id.
const (
	jaegerSampled = 1
	jaegerDebug   = 2
)

// appendJaeger appends the value of uber-trace-id: {trace id}:{span id}:{parent id, or 0}:{flags}.
// Like traceparent it cannot express an undecided state.
func appendJaeger(b []byte, c *spancontext.Context) []byte {
	if c.TraceHi != 0 {
		b = spancontext.AppendHex(b, c.TraceHi)
	}
	b = spancontext.AppendHex(b, c.TraceLo)
	b = spancontext.AppendHex(append(b, ':'), c.ID)
	b = append(b, ':')
	if c.ParentID != 0 {
		b = spancontext.AppendHex(b, c.ParentID)
	} else {
		b = append(b, '0')
	}
	switch c.Decision {
	case spancontext.Accept:
		return append(b, ":1"...)
	case spancontext.Debug:
		return append(b, ":3"...)
	}
	return append(b, ":0"...)
}

// readJaeger reads uber-trace-id. Its ids may lack their leading zeros, and its colons may be
// percent-encoded.
func (e *extractor) readJaeger() (c spancontext.Context, state parseState) {
	switch {
	case e.jaeger.value == "":
		return c, absent
	case e.jaeger.repeated:
		return c, malformed
	}
	plain := strings.ReplaceAll(strings.ReplaceAll(e.jaeger.value, "%3A", ":"), "%3a", ":")
	c, ok := parseJaeger(plain)
	if !ok {
		return spancontext.Context{}, malformed
	}
	return c, wellFormed
}

func parseJaeger(s string) (c spancontext.Context, ok bool) {
	trace, rest, _ := strings.Cut(s, ":")
	span, rest, _ := strings.Cut(rest, ":")
	parent, state, _ := strings.Cut(rest, ":")
	if len(state) > 2 || !c.SetIDs(trace, span) {
		return c, false
	}
	flags, ok := spancontext.ParseHex(state)
	if !ok {
		return c, false
	}
	switch {
	case flags&jaegerDebug != 0:
		c.Decision = spancontext.Debug
	case flags&jaegerSampled != 0:
		c.Decision = spancontext.Accept
	default:
		c.Decision = spancontext.Deny
	}
	c.ParentID, ok = spancontext.ParseHex(parent)
	return c, ok
}

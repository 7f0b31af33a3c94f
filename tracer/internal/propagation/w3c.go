package propagation

import "bookservice/tracer/internal/spancontext"

// lenTraceparent is the length of traceparent in version 00:
// {version}-{trace id}-{span id}-{flags}.
const lenTraceparent = 55

// Flags of traceparent, level 2. Other bits must be zero when they are sent.
const (
	w3cSampled = 1
	w3cRandom  = 2 // the last 56 bits of the trace id are random
)

// appendTraceparent appends the header of W3C Trace Context, level 2. An id of 64 bits is padded
// with zeros. Without the flag sampled the trace is not sampled; the format cannot express an
// undecided state.
func appendTraceparent(b []byte, c *spancontext.Context) []byte {
	b = spancontext.AppendHex(spancontext.AppendHex(append(b, "00-"...), c.TraceHi), c.TraceLo)
	b = spancontext.AppendHex(append(b, '-'), c.ID)
	flags := byte('0')
	if c.Sampled() {
		flags |= w3cSampled
	}
	if c.Random {
		flags |= w3cRandom
	}
	return append(b, '-', '0', flags)
}

// readW3C reads traceparent. Unlike in the other formats, a span id that cannot be read costs the
// trace, as the specification demands.
func (e *extractor) readW3C() (c spancontext.Context, state parseState) {
	switch {
	case !e.traceparent.isSet():
		return c, absent
	case e.traceparent.unreadable:
		return c, malformed
	}
	c, ok := parseTraceparent(e.traceparent.value)
	if !ok {
		return spancontext.Context{}, malformed
	}
	return c, wellFormed
}

// parseTraceparent reads the header. A version above 00 may append further fields.
func parseTraceparent(s string) (c spancontext.Context, ok bool) {
	if len(s) < lenTraceparent || s[2] != '-' || s[35] != '-' || s[52] != '-' {
		return c, false
	}
	for _, field := range [...]string{s[:2], s[3:35], s[36:52], s[53:55]} {
		if !spancontext.IsLowerHex(field) {
			return c, false
		}
	}
	switch version := s[:2]; {
	case version == "ff":
		return c, false
	case len(s) > lenTraceparent && (version == "00" || s[lenTraceparent] != '-'):
		return c, false
	}
	flags, _ := spancontext.ParseHex(s[53:55])
	c.Decision = spancontext.Deny
	if flags&w3cSampled != 0 {
		c.Decision = spancontext.Accept
	}
	c.Random = flags&w3cRandom != 0
	return c, c.SetTraceID(s[3:35]) && c.SetSpanID(s[36:52])
}

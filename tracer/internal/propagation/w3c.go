package propagation

import "bookservice/tracer/internal/spancontext"

// lenTraceparent is the length of traceparent in version 00:
// {version}-{trace id}-{span id}-{flags}.
const lenTraceparent = 55

// appendTraceparent appends the header of W3C Trace Context, level 1. An id of 64 bits is padded
// with zeros. Flags 00 mean not sampled; the format cannot express an undecided state.
func appendTraceparent(b []byte, c *spancontext.Context) []byte {
	b = spancontext.AppendHex(spancontext.AppendHex(append(b, "00-"...), c.TraceHi), c.TraceLo)
	b = spancontext.AppendHex(append(b, '-'), c.ID)
	if c.Sampled() {
		return append(b, "-01"...)
	}
	return append(b, "-00"...)
}

// readW3C reads traceparent.
func (e *extractor) readW3C() (c spancontext.Context, state parseState) {
	switch {
	case e.traceparent.value == "":
		return c, absent
	case e.traceparent.repeated:
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
	if !lowerHex(s[:2]) || !lowerHex(s[3:35]) || !lowerHex(s[36:52]) || !lowerHex(s[53:55]) {
		return c, false
	}
	switch version := s[:2]; {
	case version == "ff":
		return c, false
	case len(s) > lenTraceparent && (version == "00" || s[lenTraceparent] != '-'):
		return c, false
	}
	flags, _ := spancontext.ParseHex(s[53:55])
	c.Decision = spancontext.Deny
	if flags&1 != 0 {
		c.Decision = spancontext.Accept
	}
	return c, c.SetIDs(s[3:35], s[36:52])
}

// lowerHex reports whether s consists of W3C's HEXDIGLC.
func lowerHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; !('0' <= c && c <= '9' || 'a' <= c && c <= 'f') {
			return false
		}
	}
	return true
}

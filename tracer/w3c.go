package tracer

// lenTraceparent is the length of traceparent in version 00: {version}-{trace id}-{span id}-{flags}.
const lenTraceparent = 55

// appendTraceparent appends the header of W3C Trace Context, level 1. An id of 64 bits has zeros before it. Flags 00
// stand for a denied trace and, there being no other way, for one that nobody has decided about.
func appendTraceparent(b []byte, c *SpanContext) []byte {
	b = appendHex(appendHex(append(b, "00-"...), c.traceHi), c.traceLo)
	b = appendHex(append(b, '-'), c.spanID)
	if c.decision.sampled() {
		return append(b, "-01"...)
	}
	return append(b, "-00"...)
}

// readW3C reads traceparent.
func (e *extractor) readW3C() (c SpanContext, is reading) {
	switch {
	case e.traceparent.value == "":
		return c, absent
	case e.traceparent.repeated:
		return c, malformed
	}
	c, ok := parseTraceparent(e.traceparent.value)
	if !ok {
		return SpanContext{}, malformed
	}
	return c, wellFormed
}

// parseTraceparent reads the header. A version that is not known yet may be longer.
func parseTraceparent(s string) (c SpanContext, ok bool) {
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
	flags, _ := parseHex(s[53:55])
	c.decision = deny
	if flags&1 != 0 {
		c.decision = accept
	}
	return c, c.setIDs(s[3:35], s[36:52])
}

// lowerHex reports whether s has no other characters than W3C's HEXDIGLC.
func lowerHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; !('0' <= c && c <= '9' || 'a' <= c && c <= 'f') {
			return false
		}
	}
	return true
}

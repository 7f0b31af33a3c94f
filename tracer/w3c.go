package tracer

import "strings"

// readW3C reads traceparent and tracestate (W3C Trace Context, level 1) where B3 gave no ids, and the tracestate that
// belongs to the ids where it did.
func (e *extractor) readW3C(c *SpanContext) {
	if e.traceparent == "" {
		return
	}
	next, ok := parseTraceparent(e.traceparent)
	if !ok {
		e.malformed = true
		return
	}
	switch {
	case c.traceHi|c.traceLo == 0:
		if c.decision != undecided {
			next.decision = c.decision
		}
		*c = next
	case c.traceHi != next.traceHi || c.traceLo != next.traceLo:
		return // another trace's state
	}
	if e.tracestate != "" {
		if validTracestate(e.tracestate) {
			c.carried = &carried{tracestate: e.tracestate}
		} else {
			e.malformed = true
		}
	}
}

// parseTraceparent reads {version}-{trace id}-{span id}-{flags}. A version that is not known yet may be longer.
func parseTraceparent(s string) (c SpanContext, ok bool) {
	if len(s) < 55 || s[2] != '-' || s[35] != '-' || s[52] != '-' || strings.ToLower(s[:55]) != s[:55] {
		return c, false
	}
	version, okVersion := parseHex(s[:2])
	flags, okFlags := parseHex(s[53:55])
	switch {
	case !okVersion || !okFlags || version == 0xff:
		return c, false
	case version == 0 && len(s) != 55, len(s) > 55 && s[55] != '-':
		return c, false
	}
	c.decision = deny
	if flags&1 != 0 {
		c.decision = accept
	}
	return c, c.setIDs(s[3:35], s[36:52])
}

// validTracestate reports whether every member is key=value in the characters that the specification allows, and
// whether there are no more than it and we pass on.
func validTracestate(s string) bool {
	if len(s) > maxTracestate || strings.Count(s, ",") >= maxTracestateItems {
		return false
	}
	for member := range strings.SplitSeq(s, ",") {
		member = strings.Trim(member, " \t")
		if member == "" {
			continue // empty members are allowed
		}
		key, value, found := strings.Cut(member, "=")
		if !found || key == "" || len(key) > 256 || value == "" || len(value) > 256 {
			return false
		}
		for i := range len(key) {
			if c := key[i]; !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || strings.IndexByte("_-*/@", c) >= 0) {
				return false
			}
		}
		for i := range len(value) {
			if c := value[i]; c < 0x20 || c > 0x7e || c == '=' {
				return false
			}
		}
	}
	return true
}

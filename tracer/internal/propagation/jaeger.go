package propagation

import (
	"net/url"
	"strings"

	"bookservice/tracer/internal/spancontext"
	"bookservice/tracer/internal/truncate"
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
	case !e.jaeger.isSet():
		return c, absent
	case e.jaeger.unreadable:
		return c, malformed
	}
	plain := strings.ReplaceAll(strings.ReplaceAll(e.jaeger.value, "%3A", ":"), "%3a", ":")
	c, lost, ok := parseJaeger(plain)
	if !ok {
		return spancontext.Context{}, malformed
	}
	e.malformed += lost
	return c, wellFormed
}

// parseJaeger reads ids and flags. A span id or a parent id that cannot be read is left out; lost
// is then 1.
func parseJaeger(s string) (c spancontext.Context, lost uint64, ok bool) {
	trace, rest, _ := strings.Cut(s, ":")
	span, rest, _ := strings.Cut(rest, ":")
	parent, state, _ := strings.Cut(rest, ":")
	flags, ok := spancontext.ParseHex(state)
	if !ok || len(state) > 2 || span == "" || !c.SetTraceID(trace) {
		return c, 0, false
	}
	switch {
	case flags&jaegerDebug != 0:
		c.Decision = spancontext.Debug
	case flags&jaegerSampled != 0:
		c.Decision = spancontext.Accept
	default:
		c.Decision = spancontext.Deny
	}
	if !c.SetSpanID(span) {
		c.ID, lost = 0, 1
	}
	if c.ParentID, ok = spancontext.ParseHex(parent); !ok {
		c.ParentID, lost = 0, 1
	}
	c.StatedRoot = lost == 0 && c.ParentID == 0
	return c, lost, true
}

// maxDebugID is the limit in bytes for the text of jaeger-debug-id.
const maxDebugID = 4 << 10

// readDebugID returns the text of jaeger-debug-id and sets the decision debug, unless another
// header states the trace id or denies the trace. As in Jaeger's clients, the header begins a
// trace; it does not change one.
func (e *extractor) readDebugID() string {
	c := &e.context
	if e.debugID == "" || c.HasIDs() || c.Decision == spancontext.Deny {
		return ""
	}
	c.Decision = spancontext.Debug
	return strings.Clone(truncate.UTF8(e.decodeJaeger(e.debugID), maxDebugID))
}

// decodeJaeger decodes a value that Jaeger's clients encode for HTTP only. A malformed value stays
// as it is.
func (e *extractor) decodeJaeger(value string) string {
	if e.source != sourceHTTP {
		return value
	}
	if plain, err := url.QueryUnescape(value); err == nil {
		return plain
	}
	return value
}

// readJaegerBaggage adds the items of jaeger-baggage, which a person writes by hand:
// comma-separated pairs of a key and a value that contain no equals sign. The whole value may be
// encoded as in the query of a URL.
func (e *extractor) readJaegerBaggage() {
	ok := !e.jaegerBaggage.cut
	for _, value := range e.jaegerBaggage.values {
		value, err := url.QueryUnescape(value[:min(len(value), maxListBytes)])
		ok = ok && err == nil
		plain := cursor{values: []string{value}, left: maxListBytes}
		for member, more := plain.next(); more; member, more = plain.next() {
			if member == "" {
				continue
			}
			key, value, found := strings.Cut(member, "=")
			if found && !strings.Contains(value, "=") {
				e.addForeign(foreignItem{key, value, formDelimited})
			} else {
				ok = false
			}
		}
	}
	if !ok {
		e.malformed++
	}
}

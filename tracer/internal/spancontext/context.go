// Package spancontext holds what identifies a span within its trace and what travels with it:
// the ids, the sampling decision, the tracestate and the baggage.
package spancontext

// A Context names a span within its trace. A Context is immutable once it is shared: a change makes
// a copy. It implements opentracing.SpanContext.
type Context struct {
	TraceHi, TraceLo uint64 // the trace id; TraceHi is zero for an id of 64 bits
	ID, ParentID     uint64 // of the span and of its parent; zero if unknown
	Decision         Decision
	Random           bool        // W3C's random flag: the last 56 bits of the trace id are random
	Remote           bool        // extracted from a carrier: another process made it
	StatedRoot       bool        // the carrier's header states that the span has no parent
	ParentReported   bool        // the span is unsampled, but ParentID names one that is reported
	Propagated       *Propagated // nil if all of its fields are empty
}

// Propagated is what only some traces carry. It is immutable once it is part of a [Context].
type Propagated struct {
	Tracestate string        // the W3C header
	Baggage    []BaggageItem // what Header states, each key once
	Header     string        // the baggage header that is sent, with the items' properties
	DebugID    string        // the text of jaeger-debug-id, for the first span of the trace
}

// A BaggageItem is one entry of the baggage.
type BaggageItem struct {
	Key   string // a token of RFC 9110
	Value string // valid UTF-8
}

// HasIDs reports whether the trace id is known. A header may carry a decision without ids, or a
// trace id without the id of a span.
func (c *Context) HasIDs() bool { return c.TraceHi|c.TraceLo != 0 }

// SameTrace reports whether both contexts have ids of one trace.
func (c *Context) SameTrace(other *Context) bool {
	return c.HasIDs() && c.TraceHi == other.TraceHi && c.TraceLo == other.TraceLo
}

// TraceID returns the trace id as 32 lower-case hexadecimal digits, or as 16 if the id has 64 bits.
// It is empty if no id is known.
func (c *Context) TraceID() string {
	if !c.HasIDs() {
		return ""
	}
	b := make([]byte, 0, 32)
	if c.TraceHi != 0 {
		b = AppendHex(b, c.TraceHi)
	}
	return string(AppendHex(b, c.TraceLo))
}

// SpanID returns the span id as 16 lower-case hexadecimal digits. It is empty if no id is known.
func (c *Context) SpanID() string {
	if c.ID == 0 {
		return ""
	}
	return string(AppendHex(make([]byte, 0, 16), c.ID))
}

// SetTraceID sets the trace id from 1 to 32 hexadecimal digits of either case. It reports whether
// they are well formed and not all zeros: Zipkin rejects the whole batch that contains a span with
// an id of zeros.
func (c *Context) SetTraceID(s string) bool {
	if len(s) > 32 {
		return false
	}
	ok := true
	if high := len(s) - 16; high > 0 {
		c.TraceHi, ok = ParseHex(s[:high])
		s = s[high:]
	}
	if ok {
		c.TraceLo, ok = ParseHex(s)
	}
	return ok && c.HasIDs()
}

// SetSpanID sets the span id from 1 to 16 hexadecimal digits of either case. It reports whether
// they are well formed and not all zeros.
func (c *Context) SetSpanID(s string) bool {
	var ok bool
	c.ID, ok = ParseHex(s)
	return ok && c.ID != 0
}

// Child returns the context of a new span below parent. If parent is nil or has no trace id, the
// span begins a trace: its trace id has 128 bits if long is true, else 64. If parent has a trace id
// alone, the span has no parent. several is true if the context will be sent in several formats.
func Child(parent *Context, long, several bool) Context {
	var next Context
	if parent != nil {
		next.Decision, next.Propagated = parent.Decision, parent.Propagated
		if parent.DebugID() != "" {
			next.Propagated = parent.Propagated.withoutDebugID()
		}
	}
	if parent != nil && parent.HasIDs() {
		next.TraceHi, next.TraceLo, next.Random = parent.TraceHi, parent.TraceLo, parent.Random
		next.ParentID = parent.ID
	} else {
		next.TraceLo, next.Random = NewID(), true
		if long {
			next.TraceHi = NewID()
		}
	}
	if several {
		next.ID = newMarkedID(next.TraceLo)
	} else {
		next.ID = NewID()
	}
	return next
}

// IsNewerThan reports whether the span id of c was written after that of other. Both were received
// in one carrier, in different formats, with one trace id and different span ids: a proxy that
// knows only one of the formats has replaced the id there. There are three kinds of evidence, in
// this order: the id of one is the parent of the other; only one id is marked (see newMarkedID),
// which is then the older one; only one span is the root of the trace, which is then the older one.
// Without evidence the result is false in both directions.
func (c *Context) IsNewerThan(other *Context) bool {
	switch {
	case c.ParentID == other.ID:
		return true
	case other.ParentID == c.ID:
		return false
	}
	if old := isMarked(other.TraceLo, other.ID); old != isMarked(c.TraceLo, c.ID) {
		return old
	}
	return other.StatedRoot && !c.StatedRoot
}

// Sampled reports whether the spans of the trace are recorded.
func (c *Context) Sampled() bool { return c.Decision.Sampled() }

// ForeachBaggageItem calls handler with each baggage item, in the order in which the items were
// set, until handler returns false.
func (c *Context) ForeachBaggageItem(handler func(key, value string) bool) {
	if c.Propagated == nil {
		return
	}
	for _, item := range c.Propagated.Baggage {
		if !handler(item.Key, item.Value) {
			return
		}
	}
}

// BaggageItem returns the value of a baggage item, or "" if there is none.
func (c *Context) BaggageItem(key string) string {
	if c.Propagated != nil {
		for _, item := range c.Propagated.Baggage {
			if item.Key == key {
				return item.Value
			}
		}
	}
	return ""
}

// Tracestate returns the tracestate header that came with the trace, or "".
func (c *Context) Tracestate() string {
	if c.Propagated == nil {
		return ""
	}
	return c.Propagated.Tracestate
}

// DebugID returns the text of the header jaeger-debug-id that begins the trace, or "". c may be
// nil.
func (c *Context) DebugID() string {
	if c == nil || c.Propagated == nil {
		return ""
	}
	return c.Propagated.DebugID
}

func (p *Propagated) withoutDebugID() *Propagated {
	if p.Tracestate == "" && p.Header == "" {
		return nil
	}
	return &Propagated{Tracestate: p.Tracestate, Baggage: p.Baggage, Header: p.Header}
}

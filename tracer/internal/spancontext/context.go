// Package spancontext holds what identifies a span within its trace and what travels with it:
// the ids, the sampling decision, the tracestate and the baggage.
package spancontext

// A Context names a span within its trace. A Context is immutable once it is shared: a change makes
// a copy. It implements opentracing.SpanContext.
type Context struct {
	TraceHi, TraceLo uint64 // the trace id; TraceHi is zero for an id of 64 bits
	ID, ParentID     uint64 // of the span and of its parent; zero if unknown
	Decision         Decision
	Remote           bool        // extracted from a carrier: another process made it
	ParentReported   bool        // the span is unsampled, but ParentID names one that is reported
	Propagated       *Propagated // nil if the trace has neither tracestate nor baggage
}

// Propagated is what only some traces carry. It is immutable once it is part of a [Context].
type Propagated struct {
	Tracestate string // the W3C header
	Baggage    []BaggageItem
	Header     string // the baggage header that is sent
}

// A BaggageItem is one entry of the baggage.
type BaggageItem struct {
	Key        string // a token of RFC 9110
	Value      string // valid UTF-8
	Properties string // the metadata of W3C Baggage, separated by semicolons, as received
}

// HasIDs reports whether the trace id is known. A header may carry a decision without ids.
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

// SetIDs sets the trace id and the span id from hexadecimal digits of either case. It reports
// whether they are well formed: 1 to 32 and 1 to 16 digits, neither id zero. Zipkin rejects the
// whole batch that contains a span with an id of zeros.
func (c *Context) SetIDs(trace, span string) bool {
	if len(trace) > 32 {
		return false
	}
	ok := true
	if high := len(trace) - 16; high > 0 {
		c.TraceHi, ok = ParseHex(trace[:high])
		trace = trace[high:]
	}
	if ok {
		c.TraceLo, ok = ParseHex(trace)
	}
	if ok {
		c.ID, ok = ParseHex(span)
	}
	return ok && c.HasIDs() && c.ID != 0
}

// Child returns the context of a new span below parent. If parent is nil or has no ids, the span
// begins a trace: its trace id has 128 bits if long is true, else 64.
func Child(parent *Context, long bool) Context {
	next := Context{ID: NewID()}
	if parent != nil {
		next.Decision, next.Propagated = parent.Decision, parent.Propagated
		if parent.HasIDs() {
			next.TraceHi, next.TraceLo, next.ParentID = parent.TraceHi, parent.TraceLo, parent.ID
			return next
		}
	}
	next.TraceLo = NewID()
	if long {
		next.TraceHi = NewID()
	}
	return next
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

package tracer

import (
	"math/rand/v2"

	"github.com/opentracing/opentracing-go"
)

// A decision is what is known about whether a trace is recorded.
type decision uint8

const (
	undecided decision = iota // nobody has decided: the first span's sampler will
	deny
	accept
	debug // accepted, and collectors are asked to keep it whatever they sample
)

func (d decision) sampled() bool { return d >= accept }

// A SpanContext names a span within its trace and carries what travels with it. It is immutable: setting a baggage
// item on a span gives that span another context. Every opentracing.SpanContext of this package is a *SpanContext.
type SpanContext struct {
	traceHi, traceLo uint64
	spanID, parentID uint64
	decision         decision
	remote           bool     // extracted: another process's
	carried          *carried // nil for most
	of               *span    // nil unless it is that of a span that is recorded here
}

// carried is what only some traces have. It is never written to once it is on a context.
type carried struct {
	tracestate string
	baggage    []baggageItem
	header     string // the baggage as it is sent
}

func (c *SpanContext) hasIDs() bool { return c.traceHi|c.traceLo != 0 }

// sameTrace reports whether both contexts have ids, of the same trace.
func (c *SpanContext) sameTrace(other *SpanContext) bool {
	return c.hasIDs() && c.traceHi == other.traceHi && c.traceLo == other.traceLo
}

// TraceID returns the trace's id as 32 lower-case hexadecimal digits, or as 16 where the trace was begun with an id of
// 64 bits. It is empty when no id is known: an incoming "do not sample" may come without one.
func (c *SpanContext) TraceID() string {
	if !c.hasIDs() {
		return ""
	}
	b := make([]byte, 0, 32)
	if c.traceHi != 0 {
		b = appendHex(b, c.traceHi)
	}
	return string(appendHex(b, c.traceLo))
}

// SpanID returns the span's id as 16 lower-case hexadecimal digits.
func (c *SpanContext) SpanID() string {
	if c.spanID == 0 {
		return ""
	}
	return string(appendHex(make([]byte, 0, 16), c.spanID))
}

// Sampled reports whether the spans of this trace are recorded.
func (c *SpanContext) Sampled() bool { return c.decision.sampled() }

// ForeachBaggageItem calls handler with each baggage item in the order they were set, until it returns false.
func (c *SpanContext) ForeachBaggageItem(handler func(key, value string) bool) {
	if c.carried == nil {
		return
	}
	for _, item := range c.carried.baggage {
		if !handler(item.key, item.value) {
			return
		}
	}
}

func (c *SpanContext) tracestate() string {
	if c.carried == nil {
		return ""
	}
	return c.carried.tracestate
}

func (c *SpanContext) baggageItem(key string) string {
	if c.carried != nil {
		for _, item := range c.carried.baggage {
			if item.key == key {
				return item.value
			}
		}
	}
	return ""
}

// child returns the context of a new span below c, which may be nil or hold no more than a decision. Then a trace begins,
// whose id is long or of 64 bits.
func (c *SpanContext) child(long bool) SpanContext {
	next := SpanContext{spanID: newID()}
	if c != nil {
		next.decision, next.carried = c.decision, c.carried
		if c.hasIDs() {
			next.traceHi, next.traceLo, next.parentID = c.traceHi, c.traceLo, c.spanID
			return next
		}
	}
	next.traceLo = newID()
	if long {
		next.traceHi = newID()
	}
	return next
}

// TraceID returns the trace id of a span context of this package, and false for any other.
func TraceID(sc opentracing.SpanContext) (string, bool) {
	c, ok := sc.(*SpanContext)
	if !ok || c == nil {
		return "", false
	}
	id := c.TraceID()
	return id, id != ""
}

// newID returns a random id; zero means "no id" in every format and is never one.
func newID() uint64 {
	for {
		if id := rand.Uint64(); id != 0 {
			return id
		}
	}
}

const hexDigits = "0123456789abcdef"

func appendHex(b []byte, v uint64) []byte {
	for shift := 60; shift >= 0; shift -= 4 {
		b = append(b, hexDigits[v>>shift&0xf])
	}
	return b
}

// parseHex reads 1 to 16 hexadecimal digits of either case. ParseUint would take a sign, and underscores.
func parseHex(s string) (v uint64, ok bool) {
	if s == "" || len(s) > 16 {
		return 0, false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		v = v<<4 | uint64(c)
	}
	return v, true
}

// setIDs sets trace and span id and reports whether they are well formed: hexadecimal, of 128 and 64 bits at most, and
// not zero, which Zipkin refuses together with all that comes in the same batch.
func (c *SpanContext) setIDs(trace, span string) bool {
	if len(trace) > 32 {
		return false
	}
	ok := true
	if high := len(trace) - 16; high > 0 {
		c.traceHi, ok = parseHex(trace[:high])
		trace = trace[high:]
	}
	if ok {
		c.traceLo, ok = parseHex(trace)
	}
	if ok {
		c.spanID, ok = parseHex(span)
	}
	return ok && c.hasIDs() && c.spanID != 0
}

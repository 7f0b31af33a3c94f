package tracer

import (
	"strings"
	"sync"

	"github.com/opentracing/opentracing-go"
)

// extractors lends extractors whose visit is bound once: a closure a call would be an allocation a call.
var extractors = sync.Pool{New: func() any {
	e := &extractor{}
	e.visit = e.see
	return e
}}

func (p *propagation) extractText(reader opentracing.TextMapReader, http bool) (opentracing.SpanContext, error) {
	e := extractors.Get().(*extractor)
	e.http = http
	defer e.release()
	if err := reader.ForeachKey(e.visit); err != nil {
		p.malformed.Add(1)
		return nil, opentracing.ErrSpanContextCorrupted
	}
	found := e.resolve(p)
	p.malformed.Add(e.malformed)
	switch {
	case found:
		c := e.context
		c.remote = true
		return &c, nil
	case e.malformed > 0:
		return nil, opentracing.ErrSpanContextCorrupted
	}
	return nil, opentracing.ErrSpanContextNotFound
}

// An extractor gathers the headers that concern it, and then the context that they describe.
type extractor struct {
	visit func(key, value string) error
	http  bool // the headers are HTTP's

	traceparent, b3, b3Trace, b3Span, b3Parent, jaeger header
	b3Sampled, b3Flags                                 string   // of these the first counts
	tracestate, baggage                                []string // these are joined
	prefixed                                           []baggageItem

	context   SpanContext
	malformed uint64
}

func (e *extractor) release() {
	clear(e.tracestate)
	clear(e.baggage)
	clear(e.prefixed)
	*e = extractor{visit: e.visit, tracestate: e.tracestate[:0], baggage: e.baggage[:0], prefixed: e.prefixed[:0]}
	extractors.Put(e)
}

// A header that may come once.
type header struct {
	value    string
	repeated bool // with another value, which makes it malformed
}

func (h *header) take(value string) {
	if h.value == "" {
		h.value = value
	} else if value != "" && value != h.value {
		h.repeated = true
	}
}

// see switches on the length first: it is asked about every header of every call.
func (e *extractor) see(key, value string) error {
	switch len(key) {
	case len(headerB3):
		if strings.EqualFold(key, headerB3) {
			e.b3.take(trimOWS(value))
		}
	case len(headerBaggage):
		if strings.EqualFold(key, headerBaggage) {
			e.baggage = appendValue(e.baggage, value)
		}
	case len(headerTracestate): // and X-B3-Flags
		if strings.EqualFold(key, headerTracestate) {
			e.tracestate = appendValue(e.tracestate, value)
		} else if e.b3Flags == "" && strings.EqualFold(key, headerB3Flags) {
			e.b3Flags = trimOWS(value)
		}
	case len(headerTraceparent): // and X-B3-SpanId
		if strings.EqualFold(key, headerTraceparent) {
			e.traceparent.take(trimOWS(value))
		} else if strings.EqualFold(key, headerB3SpanID) {
			e.b3Span.take(trimOWS(value))
		}
	case len(headerB3TraceID): // and X-B3-Sampled
		if strings.EqualFold(key, headerB3TraceID) {
			e.b3Trace.take(trimOWS(value))
		} else if e.b3Sampled == "" && strings.EqualFold(key, headerB3Sampled) {
			e.b3Sampled = trimOWS(value)
		}
	case len(headerJaeger):
		if strings.EqualFold(key, headerJaeger) {
			e.jaeger.take(trimOWS(value))
		}
	case len(headerB3ParentID):
		if strings.EqualFold(key, headerB3ParentID) {
			e.b3Parent.take(trimOWS(value))
		}
	}
	e.seePrefixed(key, value)
	return nil
}

// appendValue keeps a value of a header that is a list, and may be repeated.
func appendValue(list []string, value string) []string {
	if value = trimOWS(value); value != "" {
		list = append(list, value)
	}
	return list
}

// trimOWS trims the optional white space of RFC 9110.
func trimOWS(s string) string { return strings.Trim(s, " \t") }

// resolve puts together what the formats say, in the order of their precedence, and reports whether that is anything.
func (e *extractor) resolve(p *propagation) bool {
	e.merge(e.readB3())
	e.merge(e.readB3Multi())
	w3c, is := e.readW3C()
	e.merge(w3c, is)
	e.merge(e.readJaeger())
	var with carried
	if is == wellFormed && e.context.sameTrace(&w3c) {
		with.tracestate = e.readTracestate()
		if e.context.decision == accept && saysDebug(with.tracestate, &w3c) {
			e.context.decision = debug
		}
	}
	with.baggage, with.header = e.readBaggage(p)
	if with.tracestate != "" || with.header != "" {
		kept := with
		e.context.carried = &kept
	}
	return e.context.hasIDs() || e.context.decision != undecided || e.context.carried != nil
}

// A reading is what has been found of a format.
type reading uint8

const (
	absent reading = iota
	malformed
	wellFormed
)

// merge adds what the next format says. The first one with ids gives the ids; a decision that came before without any
// goes with them.
func (e *extractor) merge(next SpanContext, is reading) {
	c := &e.context
	switch {
	case is == malformed:
		e.malformed++
	case is == absent:
	case c.sameTrace(&next):
		c.complete(&next)
	case !c.hasIDs():
		if c.decision != undecided {
			next.decision = c.decision
		}
		*c = next
	}
}

// complete adds what a later format says about the same trace and the earlier one could not say: traceparent has no parent
// and no debug, and b3 may leave the decision open, where others have no way to and say no.
func (c *SpanContext) complete(next *SpanContext) {
	if next.decision.sampled() && c.decision != deny {
		c.decision = max(c.decision, next.decision)
	}
	if c.parentID == 0 && c.spanID == next.spanID {
		c.parentID = next.parentID
	}
}

package propagation

import (
	"strings"
	"sync"

	"github.com/opentracing/opentracing-go"

	"bookservice/tracer/internal/spancontext"
)

// extractors pools extractors. Each binds its visit method once: a closure for each call would be
// one more allocation.
var extractors = sync.Pool{New: func() any {
	e := &extractor{}
	e.visitor = e.visit
	return e
}}

func (p *Propagator) extractText(
	r opentracing.TextMapReader, http bool,
) (*spancontext.Context, error) {
	e := extractors.Get().(*extractor)
	e.http = http
	defer e.release()
	if err := r.ForeachKey(e.visitor); err != nil {
		p.malformed.Add(1)
		return nil, opentracing.ErrSpanContextCorrupted
	}
	found := e.resolve(p)
	p.malformed.Add(e.malformed)
	switch {
	case found:
		c := e.context
		c.Remote = true
		return &c, nil
	case e.malformed > 0:
		return nil, opentracing.ErrSpanContextCorrupted
	}
	return nil, opentracing.ErrSpanContextNotFound
}

// An extractor collects the headers of one carrier and then the context that they describe.
type extractor struct {
	visitor func(key, value string) error // visit, bound
	http    bool                          // the carrier holds HTTP headers

	traceparent, b3, b3Trace, b3Span, b3Parent, jaeger header

	b3Sampled, b3Flags  string   // the first value counts
	tracestate, baggage []string // lists: the values are joined
	prefixed            []spancontext.BaggageItem

	context   spancontext.Context
	malformed uint64
}

func (e *extractor) release() {
	clear(e.tracestate)
	clear(e.baggage)
	clear(e.prefixed)
	*e = extractor{
		visitor:    e.visitor,
		tracestate: e.tracestate[:0],
		baggage:    e.baggage[:0],
		prefixed:   e.prefixed[:0],
	}
	extractors.Put(e)
}

// A header may occur once.
type header struct {
	value    string
	repeated bool // it occurred again with another value, which makes it malformed
}

func (h *header) set(value string) {
	if h.value == "" {
		h.value = value
	} else if value != "" && value != h.value {
		h.repeated = true
	}
}

// visit records a header that belongs to one of the formats. It compares lengths first, because it
// is called for every header of every call.
func (e *extractor) visit(key, value string) error {
	switch len(key) {
	case len(headerB3):
		if strings.EqualFold(key, headerB3) {
			e.b3.set(trimOWS(value))
		}
	case len(headerBaggage):
		if strings.EqualFold(key, headerBaggage) {
			e.baggage = appendValue(e.baggage, value)
		}
	case len(headerTracestate): // also the length of X-B3-Flags
		if strings.EqualFold(key, headerTracestate) {
			e.tracestate = appendValue(e.tracestate, value)
		} else if e.b3Flags == "" && strings.EqualFold(key, headerB3Flags) {
			e.b3Flags = trimOWS(value)
		}
	case len(headerTraceparent): // also the length of X-B3-SpanId
		if strings.EqualFold(key, headerTraceparent) {
			e.traceparent.set(trimOWS(value))
		} else if strings.EqualFold(key, headerB3SpanID) {
			e.b3Span.set(trimOWS(value))
		}
	case len(headerB3TraceID): // also the length of X-B3-Sampled
		if strings.EqualFold(key, headerB3TraceID) {
			e.b3Trace.set(trimOWS(value))
		} else if e.b3Sampled == "" && strings.EqualFold(key, headerB3Sampled) {
			e.b3Sampled = trimOWS(value)
		}
	case len(headerJaeger):
		if strings.EqualFold(key, headerJaeger) {
			e.jaeger.set(trimOWS(value))
		}
	case len(headerB3ParentID):
		if strings.EqualFold(key, headerB3ParentID) {
			e.b3Parent.set(trimOWS(value))
		}
	}
	e.visitBaggagePrefix(key, value)
	return nil
}

// appendValue appends a value of a header that is a list and may be repeated.
func appendValue(list []string, value string) []string {
	if value = trimOWS(value); value != "" {
		list = append(list, value)
	}
	return list
}

// trimOWS trims the optional white space of RFC 9110.
func trimOWS(s string) string { return strings.Trim(s, " \t") }

// resolve merges the formats in the order of their precedence. It reports whether the carrier had
// any context.
func (e *extractor) resolve(p *Propagator) bool {
	e.merge(e.readB3())
	e.merge(e.readB3Multi())
	w3c, state := e.readW3C()
	e.merge(w3c, state)
	e.merge(e.readJaeger())
	var with spancontext.Propagated
	if state == wellFormed && e.context.SameTrace(&w3c) {
		with.Tracestate = e.readTracestate()
		if e.context.Decision == spancontext.Accept && hasDebugMember(with.Tracestate, &w3c) {
			e.context.Decision = spancontext.Debug
		}
	}
	with.Baggage, with.Header = e.readBaggage(p)
	if with.Tracestate != "" || with.Header != "" {
		kept := with
		e.context.Propagated = &kept
	}
	return e.context.HasIDs() || e.context.Decision != spancontext.Undecided ||
		e.context.Propagated != nil
}

// A parseState is the result of reading one format.
type parseState uint8

const (
	absent parseState = iota
	malformed
	wellFormed
)

// merge adds the next format. The first format with ids gives the ids; a decision that an earlier
// format gave without ids applies to them.
func (e *extractor) merge(next spancontext.Context, state parseState) {
	c := &e.context
	switch {
	case state == malformed:
		e.malformed++
	case state == absent:
	case c.SameTrace(&next):
		complete(c, &next)
	case !c.HasIDs():
		if c.Decision != spancontext.Undecided {
			next.Decision = c.Decision
		}
		*c = next
	}
}

// complete adds to c what a later format states about the same trace and the earlier format cannot
// express: traceparent has no parent id and no debug, and B3 may leave the decision open.
func complete(c, next *spancontext.Context) {
	if next.Sampled() && c.Decision != spancontext.Deny {
		c.Decision = max(c.Decision, next.Decision)
	}
	if c.ParentID == 0 && c.ID == next.ID {
		c.ParentID = next.ParentID
	}
}

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

// A source says where the headers of a text carrier come from.
type source uint8

const (
	sourceText   source = iota // a text map, such as gRPC metadata
	sourceHTTP                 // HTTP headers: Jaeger encodes its values there
	sourceBinary               // a binary carrier: all values share one string
)

func (p *Propagator) extractText(
	r opentracing.TextMapReader, from source,
) (*spancontext.Context, error) {
	e := extractors.Get().(*extractor)
	e.policy, e.source = &p.baggage, from
	defer e.release()
	if err := r.ForeachKey(e.visitor); err != nil {
		p.malformed.Add(1)
		return nil, opentracing.ErrSpanContextCorrupted
	}
	found := e.resolve()
	p.malformed.Add(e.malformed)
	p.dropped.Add(e.dropped)
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

// An extractor collects the headers of one carrier and then the context that they describe. While
// it collects, it copies nothing, and stores at most what the limits allow: a carrier may hold any
// number of values of any length, which cost its sender nothing.
type extractor struct {
	visitor func(key, value string) error // visit, bound
	policy  *BaggagePolicy
	source  source

	traceparent, b3, b3Trace, b3Span, b3Parent, jaeger, census header

	b3Sampled, b3Flags, debugID        string // the first value counts
	tracestate, baggage, jaegerBaggage list
	foreign                            []foreignItem // baggage of other tracers

	keys []string // of the members of the baggage header, scratch memory
	buf  []byte   // the baggage header, scratch memory

	context   spancontext.Context
	given     spancontext.Decision // came without ids and applies to those of the next format
	malformed uint64
	dropped   uint64
}

// release returns e to the pool without references to the carrier.
func (e *extractor) release() {
	clear(e.foreign)
	clear(e.keys)
	*e = extractor{
		visitor:       e.visitor,
		tracestate:    e.tracestate.cleared(),
		baggage:       e.baggage.cleared(),
		jaegerBaggage: e.jaegerBaggage.cleared(),
		foreign:       e.foreign[:0],
		keys:          e.keys[:0],
		buf:           e.buf[:0],
	}
	extractors.Put(e)
}

// visit records a header that belongs to one of the formats. It compares lengths first, because it
// is called for every header of every call.
func (e *extractor) visit(key, value string) error {
	switch len(key) {
	case len(headerB3):
		if strings.EqualFold(key, headerB3) {
			e.b3.set(value)
		}
	case len(headerBaggage):
		if strings.EqualFold(key, headerBaggage) {
			e.baggage.add(value)
		}
	case len(headerTracestate): // also the length of X-B3-Flags
		if strings.EqualFold(key, headerTracestate) {
			e.tracestate.add(value)
		} else if strings.EqualFold(key, headerB3Flags) {
			setFirst(&e.b3Flags, value)
		}
	case len(headerTraceparent): // also the length of X-B3-SpanId
		if strings.EqualFold(key, headerTraceparent) {
			e.traceparent.set(value)
		} else if strings.EqualFold(key, headerB3SpanID) {
			e.b3Span.set(value)
		}
	case len(headerB3TraceID): // also the length of X-B3-Sampled
		if strings.EqualFold(key, headerB3TraceID) {
			e.b3Trace.set(value)
		} else if strings.EqualFold(key, headerB3Sampled) {
			setFirst(&e.b3Sampled, value)
		}
	case len(headerJaeger):
		if strings.EqualFold(key, headerJaeger) {
			e.jaeger.set(value)
		}
	case len(headerCensus): // also the length of jaeger-baggage
		if strings.EqualFold(key, headerCensus) {
			e.census.setRaw(value)
		} else if strings.EqualFold(key, headerJaegerBaggage) {
			e.jaegerBaggage.add(value)
		}
	case len(headerJaegerDebug):
		if strings.EqualFold(key, headerJaegerDebug) {
			setFirst(&e.debugID, value)
		}
	case len(headerB3ParentID):
		if strings.EqualFold(key, headerB3ParentID) {
			e.b3Parent.set(value)
		}
	}
	e.visitBaggagePrefix(key, value)
	return nil
}

// resolve merges the formats in the order of their precedence. It reports whether the carrier had
// any context.
func (e *extractor) resolve() bool {
	e.merge(e.readB3())
	e.merge(e.readB3Multi())
	w3c, state := e.readW3C()
	e.merge(w3c, state)
	e.merge(e.readCensus())
	e.merge(e.readJaeger())
	var with spancontext.Propagated
	if state == wellFormed && e.context.SameTrace(&w3c) {
		e.context.Random = w3c.Random
		with.Tracestate = e.readTracestate()
		if e.context.Decision == spancontext.Accept && hasDebugMember(with.Tracestate, &w3c) {
			e.context.Decision = spancontext.Debug
		}
	}
	with.DebugID = e.readDebugID()
	with.Baggage, with.Header = e.readBaggage()
	if with.Tracestate != "" || with.Header != "" || with.DebugID != "" {
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
	wellFormed // a span id that could not be read is zero
)

// merge adds the next format. The first format with the ids of a span gives the ids; if there is
// none, the first with a trace id does. A decision that an earlier format gave without ids applies
// to them.
func (e *extractor) merge(next spancontext.Context, state parseState) {
	c := &e.context
	switch {
	case state == malformed:
		e.malformed++
	case state == absent:
	case !next.HasIDs():
		if !c.HasIDs() && e.given == spancontext.Undecided {
			e.given, c.Decision = next.Decision, next.Decision
		}
	case c.SameTrace(&next):
		e.complete(&next)
	case c.ID == 0 && (next.ID != 0 || !c.HasIDs()):
		if e.given != spancontext.Undecided {
			next.Decision = e.given
		}
		*c = next
	}
}

// complete adds what another format states about the same trace. The span that was written last is
// the parent, and its decision applies. The other format may state what the first cannot express:
// traceparent has no parent id and no debug, and B3 may leave the decision open.
func (e *extractor) complete(next *spancontext.Context) {
	c := &e.context
	decision, other := c.Decision, next.Decision
	switch {
	case next.ID == 0:
	case c.ID == 0:
		c.ID, c.ParentID, c.StatedRoot = next.ID, next.ParentID, next.StatedRoot
	case c.ID == next.ID:
		if c.ParentID == 0 {
			c.ParentID = next.ParentID
		}
		c.StatedRoot = (c.StatedRoot || next.StatedRoot) && c.ParentID == 0
	case next.IsNewerThan(c):
		c.ID, c.ParentID, c.StatedRoot = next.ID, next.ParentID, next.StatedRoot
		if e.given == spancontext.Undecided && next.Decision != spancontext.Undecided {
			decision, other = next.Decision, decision
		}
	}
	if other.Sampled() && decision != spancontext.Deny {
		decision = max(decision, other)
	}
	c.Decision = decision
}

package tracer

import (
	"io"
	"sync/atomic"

	"github.com/opentracing/opentracing-go"
)

// Header names, in the lower case that gRPC metadata has and HTTP does not mind.
const (
	headerTraceparent = "traceparent"
	headerTracestate  = "tracestate"
	headerB3          = "b3"
	headerB3TraceID   = "x-b3-traceid"
	headerB3SpanID    = "x-b3-spanid"
	headerB3ParentID  = "x-b3-parentspanid"
	headerB3Sampled   = "x-b3-sampled"
	headerB3Flags     = "x-b3-flags"
	headerJaeger      = "uber-trace-id"
	headerBaggage     = "baggage"
)

// formats is a set of header formats.
type formats uint8

const (
	formatB3 formats = 1 << iota
	formatB3Multi
	formatW3C
	formatJaeger
)

// propagation is how a tracer's contexts travel: what is injected, and what baggage is taken.
type propagation struct {
	formats   formats
	baggage   baggagePolicy
	malformed atomic.Uint64 // headers that were there and could not be read; the X-B3 ones together are one
	dropped   atomic.Uint64 // baggage items that the policy has refused
}

// Inject implements opentracing.Tracer for TextMap, HTTPHeaders and Binary carriers. It sends what Config.Propagation
// names, and the baggage.
func (r *recorder) Inject(sc opentracing.SpanContext, format, carrier any) error {
	switch format {
	case opentracing.TextMap, opentracing.HTTPHeaders:
		if w, ok := carrier.(opentracing.TextMapWriter); ok {
			return r.propagation.injectText(sc, w)
		}
		return opentracing.ErrInvalidCarrier
	case opentracing.Binary:
		if w, ok := carrier.(io.Writer); ok {
			return r.propagation.injectBinary(sc, w)
		}
		return opentracing.ErrInvalidCarrier
	}
	return opentracing.ErrUnsupportedFormat
}

// Extract implements opentracing.Tracer. It reads all formats, whatever is injected; the package documentation has
// their order. With nothing but malformed headers it returns ErrSpanContextCorrupted, with none ErrSpanContextNotFound.
func (r *recorder) Extract(format, carrier any) (opentracing.SpanContext, error) {
	switch format {
	case opentracing.TextMap, opentracing.HTTPHeaders:
		if reader, ok := carrier.(opentracing.TextMapReader); ok {
			return r.propagation.extractText(reader, format == opentracing.HTTPHeaders)
		}
		return nil, opentracing.ErrInvalidCarrier
	case opentracing.Binary:
		if reader, ok := carrier.(io.Reader); ok {
			return r.propagation.extractBinary(reader)
		}
		return nil, opentracing.ErrInvalidCarrier
	}
	return nil, opentracing.ErrUnsupportedFormat
}

func (p *propagation) injectText(sc opentracing.SpanContext, w opentracing.TextMapWriter) error {
	c, ok := sc.(*SpanContext)
	switch {
	case !ok || c == nil:
		return opentracing.ErrInvalidSpanContext
	case p.formats == 0:
		return nil
	case c.hasIDs():
		p.injectIDs(c, w)
	default:
		p.injectDecision(c, w)
	}
	if c.carried != nil && c.carried.header != "" {
		w.Set(headerBaggage, c.carried.header)
	}
	return nil
}

// injectIDs cuts all headers out of one string, and so allocates once.
func (p *propagation) injectIDs(c *SpanContext, w opentracing.TextMapWriter) {
	b := make([]byte, 0, 208) // enough for all formats; it stays on the stack
	if p.formats&(formatW3C|formatB3Multi) != 0 {
		b = appendTraceparent(b, c)
		if c.parentID != 0 {
			b = appendHex(b, c.parentID)
		}
	}
	b3 := len(b)
	if p.formats&formatB3 != 0 {
		b = appendB3(b, c)
	}
	jaeger := len(b)
	if p.formats&formatJaeger != 0 {
		b = appendJaeger(b, c)
	}
	s := string(b)
	if p.formats&formatW3C != 0 {
		w.Set(headerTraceparent, s[:lenTraceparent])
		if state := p.tracestate(c); state != "" {
			w.Set(headerTracestate, state)
		}
	}
	if p.formats&formatB3Multi != 0 {
		injectB3Multi(c, w, s[:b3])
	}
	if p.formats&formatB3 != 0 {
		w.Set(headerB3, s[b3:jaeger])
	}
	if p.formats&formatJaeger != 0 {
		w.Set(headerJaeger, s[jaeger:])
	}
}

// injectDecision sends a decision that came without ids, in the formats that have a way to.
func (p *propagation) injectDecision(c *SpanContext, w opentracing.TextMapWriter) {
	if c.decision == undecided {
		return
	}
	if p.formats&formatB3Multi != 0 {
		injectB3Decision(c.decision, w)
	}
	if p.formats&formatB3 != 0 {
		w.Set(headerB3, b3States[c.decision])
	}
}

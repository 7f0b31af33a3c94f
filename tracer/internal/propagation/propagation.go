// Package propagation writes span contexts to carriers and reads them back: the formats B3, W3C
// Trace Context, Jaeger and W3C Baggage, over text maps, HTTP headers and binary carriers. It also
// reads OpenCensus' grpc-trace-bin.
package propagation

import (
	"io"
	"math/bits"
	"sync/atomic"

	"github.com/opentracing/opentracing-go"

	"bookservice/tracer/internal/spancontext"
)

// Header names, in the lower case of gRPC metadata. HTTP ignores the case.
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

	headerCensus        = "grpc-trace-bin"
	headerJaegerBaggage = "jaeger-baggage"
	headerJaegerDebug   = "jaeger-debug-id"
)

// A Propagator injects and extracts contexts as one tracer is configured to. Its methods may be
// called concurrently.
type Propagator struct {
	formats   Formats
	baggage   BaggagePolicy
	malformed atomic.Uint64
	dropped   atomic.Uint64
}

// New returns a Propagator that injects the given formats. It extracts all formats.
func New(inject Formats, baggage BaggagePolicy) *Propagator {
	return &Propagator{formats: inject, baggage: baggage}
}

// Several reports whether contexts are sent in more than one format with ids.
func (p *Propagator) Several() bool { return bits.OnesCount8(uint8(p.formats)) > 1 }

// Malformed returns how many headers could not be read, as a whole or in part. The X-B3 headers of
// one carrier count as one, and so do all values of a list.
func (p *Propagator) Malformed() uint64 { return p.malformed.Load() }

// BaggageDropped returns how many baggage items the policy has refused. What is not read because of
// a limit counts as one item.
func (p *Propagator) BaggageDropped() uint64 { return p.dropped.Load() }

// Inject writes c and its baggage to the carrier, as [opentracing.Tracer] describes.
func (p *Propagator) Inject(c *spancontext.Context, format, carrier any) error {
	switch format {
	case opentracing.TextMap, opentracing.HTTPHeaders:
		if w, ok := carrier.(opentracing.TextMapWriter); ok {
			return p.injectText(c, w)
		}
		return opentracing.ErrInvalidCarrier
	case opentracing.Binary:
		if w, ok := carrier.(io.Writer); ok {
			return p.injectBinary(c, w)
		}
		return opentracing.ErrInvalidCarrier
	}
	return opentracing.ErrUnsupportedFormat
}

// Extract reads a context from the carrier, as [opentracing.Tracer] describes. It reads all formats
// whatever is injected. The error is [opentracing.ErrSpanContextCorrupted] if the carrier has only
// malformed headers, and [opentracing.ErrSpanContextNotFound] if it has none.
func (p *Propagator) Extract(format, carrier any) (*spancontext.Context, error) {
	switch format {
	case opentracing.TextMap, opentracing.HTTPHeaders:
		if r, ok := carrier.(opentracing.TextMapReader); ok {
			return p.extractText(r, sourceOf(format))
		}
		return nil, opentracing.ErrInvalidCarrier
	case opentracing.Binary:
		if r, ok := carrier.(io.Reader); ok {
			return p.extractBinary(r)
		}
		return nil, opentracing.ErrInvalidCarrier
	}
	return nil, opentracing.ErrUnsupportedFormat
}

func sourceOf(format any) source {
	if format == opentracing.HTTPHeaders {
		return sourceHTTP
	}
	return sourceText
}

func (p *Propagator) injectText(c *spancontext.Context, w opentracing.TextMapWriter) error {
	switch {
	case c == nil:
		return opentracing.ErrInvalidSpanContext
	case p.formats == 0:
		return nil
	case c.HasIDs() && c.ID != 0:
		p.injectIDs(c, w)
	default: // no format can express a trace id without a span
		p.injectDecision(c.Decision, w)
	}
	if c.Propagated != nil && c.Propagated.Header != "" {
		w.Set(headerBaggage, c.Propagated.Header)
	}
	return nil
}

// injectIDs writes the headers of all formats as substrings of one string, which is its only
// allocation.
func (p *Propagator) injectIDs(c *spancontext.Context, w opentracing.TextMapWriter) {
	b := make([]byte, 0, 208) // fits all formats and stays on the stack
	if p.formats&(W3C|B3Multi) != 0 {
		b = appendTraceparent(b, c)
		if c.ParentID != 0 {
			b = spancontext.AppendHex(b, c.ParentID)
		}
	}
	b3 := len(b)
	if p.formats&B3 != 0 {
		b = appendB3(b, c)
	}
	jaeger := len(b)
	if p.formats&Jaeger != 0 {
		b = appendJaeger(b, c)
	}
	s := string(b)
	if p.formats&W3C != 0 {
		w.Set(headerTraceparent, s[:lenTraceparent])
		if state := tracestate(c, p.formats == W3C); state != "" {
			w.Set(headerTracestate, state)
		}
	}
	if p.formats&B3Multi != 0 {
		injectB3Multi(c, w, s[:b3])
	}
	if p.formats&B3 != 0 {
		w.Set(headerB3, s[b3:jaeger])
	}
	if p.formats&Jaeger != 0 {
		w.Set(headerJaeger, s[jaeger:])
	}
}

// injectDecision writes a decision without ids, in the formats that can express one.
func (p *Propagator) injectDecision(d spancontext.Decision, w opentracing.TextMapWriter) {
	if d == spancontext.Undecided {
		return
	}
	if p.formats&B3Multi != 0 {
		injectB3Decision(d, w)
	}
	if p.formats&B3 != 0 {
		w.Set(headerB3, b3States[d])
	}
}

package tracer

import (
	"encoding/binary"
	"io"
	"strings"
	"sync"

	"github.com/opentracing/opentracing-go"
)

// Header names, in the lower case that gRPC metadata has and HTTP does not mind.
const (
	headerTraceparent  = "traceparent"
	headerTracestate   = "tracestate"
	headerB3           = "b3"
	headerB3TraceID    = "x-b3-traceid"
	headerB3SpanID     = "x-b3-spanid"
	headerB3ParentID   = "x-b3-parentspanid"
	headerB3Sampled    = "x-b3-sampled"
	headerB3Flags      = "x-b3-flags"
	maxBinary          = 64 << 10 // bytes read from a binary carrier
	maxTracestate      = 512      // bytes; W3C Trace Context asks for at least as much to be passed on
	maxTracestateItems = 32
)

// Inject implements opentracing.Tracer for TextMap, HTTPHeaders and Binary carriers: traceparent (with tracestate) and
// the B3 headers, one fact a header.
func (r *recorder) Inject(sc opentracing.SpanContext, format, carrier any) error {
	switch format {
	case opentracing.TextMap, opentracing.HTTPHeaders:
		w, ok := carrier.(opentracing.TextMapWriter)
		if !ok {
			return opentracing.ErrInvalidCarrier
		}
		return injectText(sc, w)
	case opentracing.Binary:
		w, ok := carrier.(io.Writer)
		if !ok {
			return opentracing.ErrInvalidCarrier
		}
		return injectBinary(sc, w)
	}
	return opentracing.ErrUnsupportedFormat
}

// injectText cuts all headers out of one string, and so allocates once.
func injectText(sc opentracing.SpanContext, w opentracing.TextMapWriter) error {
	c, ok := sc.(*SpanContext)
	if !ok || c == nil {
		return opentracing.ErrInvalidSpanContext
	}
	if c.traceHi|c.traceLo != 0 {
		ids := traceparent(c)
		w.Set(headerTraceparent, ids[:55])
		if c.carried != nil && c.carried.tracestate != "" {
			w.Set(headerTracestate, c.carried.tracestate)
		}
		if c.traceHi != 0 {
			w.Set(headerB3TraceID, ids[3:35])
		} else {
			w.Set(headerB3TraceID, ids[19:35])
		}
		w.Set(headerB3SpanID, ids[36:52])
		if c.parentID != 0 {
			w.Set(headerB3ParentID, ids[55:])
		}
	}
	switch c.decision {
	case deny:
		w.Set(headerB3Sampled, "0")
	case accept:
		w.Set(headerB3Sampled, "1")
	case debug:
		w.Set(headerB3Flags, "1") // implies sampled: B3 says not to send both
	}
	return nil
}

// traceparent returns the header's 55 characters, followed by the parent's id if there is one.
func traceparent(c *SpanContext) string {
	b := append(make([]byte, 0, 71), "00-"...)
	b = append(appendHex(appendHex(b, c.traceHi), c.traceLo), '-')
	b = append(appendHex(b, c.spanID), "-00"...)
	if c.decision.sampled() {
		b[54] = '1'
	}
	if c.parentID != 0 {
		b = appendHex(b, c.parentID)
	}
	return string(b)
}

// injectBinary writes the same headers as text does: key and value in turn, each behind its length as a uvarint.
func injectBinary(sc opentracing.SpanContext, w io.Writer) error {
	var b pairs
	if err := injectText(sc, &b); err != nil {
		return err
	}
	_, err := w.Write(b)
	return err
}

type pairs []byte

func (p *pairs) Set(key, value string) {
	for _, s := range []string{key, value} {
		*p = append(binary.AppendUvarint(*p, uint64(len(s))), s...)
	}
}

func (p *pairs) ForeachKey(handler func(key, value string) error) error {
	rest := []byte(*p)
	next := func() (string, bool) {
		n, size := binary.Uvarint(rest)
		if size <= 0 || n > uint64(len(rest)-size) {
			return "", false
		}
		s := string(rest[size : size+int(n)])
		rest = rest[size+int(n):]
		return s, true
	}
	for len(rest) > 0 {
		key, ok := next()
		if !ok {
			return opentracing.ErrSpanContextCorrupted
		}
		value, ok := next()
		if !ok {
			return opentracing.ErrSpanContextCorrupted
		}
		if err := handler(key, value); err != nil {
			return err
		}
	}
	return nil
}

// Extract implements opentracing.Tracer. The ids come from the first of these that is there and well formed: the b3
// header, the X-B3 headers, traceparent. A B3 decision that comes without ids ("b3: 0") goes with the ids of the next.
// With nothing but malformed headers it returns ErrSpanContextCorrupted, with none ErrSpanContextNotFound.
func (r *recorder) Extract(format, carrier any) (opentracing.SpanContext, error) {
	switch format {
	case opentracing.TextMap, opentracing.HTTPHeaders:
		if reader, ok := carrier.(opentracing.TextMapReader); ok {
			return extractText(reader)
		}
		return nil, opentracing.ErrInvalidCarrier
	case opentracing.Binary:
		reader, ok := carrier.(io.Reader)
		if !ok {
			return nil, opentracing.ErrInvalidCarrier
		}
		all, err := io.ReadAll(io.LimitReader(reader, maxBinary))
		if err != nil {
			return nil, opentracing.ErrSpanContextCorrupted
		}
		p := pairs(all)
		return extractText(&p)
	}
	return nil, opentracing.ErrUnsupportedFormat
}

// extractors lends extractors whose visit is bound once: a closure a call would be an allocation a call.
var extractors = sync.Pool{New: func() any {
	e := &extractor{}
	e.visit = e.see
	return e
}}

func extractText(reader opentracing.TextMapReader) (opentracing.SpanContext, error) {
	e := extractors.Get().(*extractor)
	defer func() {
		*e = extractor{visit: e.visit}
		extractors.Put(e)
	}()
	if err := reader.ForeachKey(e.visit); err != nil {
		return nil, opentracing.ErrSpanContextCorrupted
	}
	return e.result()
}

// An extractor gathers the headers that concern it.
type extractor struct {
	visit func(key, value string) error

	traceparent, tracestate, b3                   string
	b3Trace, b3Span, b3Parent, b3Sampled, b3Flags string
	malformed                                     bool
}

// see switches on the length first: it is asked about every header of every call.
func (e *extractor) see(key, value string) error {
	switch len(key) {
	case len(headerB3):
		e.take(&e.b3, headerB3, key, value)
	case len(headerTracestate): // and X-B3-Flags
		if strings.EqualFold(key, headerTracestate) && e.tracestate != "" {
			e.tracestate += "," + value
			return nil
		}
		e.take(&e.tracestate, headerTracestate, key, value)
		e.take(&e.b3Flags, headerB3Flags, key, value)
	case len(headerTraceparent): // and X-B3-SpanId
		e.take(&e.traceparent, headerTraceparent, key, value)
		e.take(&e.b3Span, headerB3SpanID, key, value)
	case len(headerB3TraceID): // and X-B3-Sampled
		e.take(&e.b3Trace, headerB3TraceID, key, value)
		e.take(&e.b3Sampled, headerB3Sampled, key, value)
	case len(headerB3ParentID):
		e.take(&e.b3Parent, headerB3ParentID, key, value)
	}
	return nil
}

// take keeps the value of the wanted header. A header that comes twice with two values is malformed.
func (e *extractor) take(to *string, want, key, value string) {
	if !strings.EqualFold(key, want) {
		return
	}
	if *to != "" && *to != value {
		e.malformed = true
		value = "?"
	}
	*to = value
}

func (e *extractor) result() (opentracing.SpanContext, error) {
	c := &SpanContext{}
	e.readB3Single(c)
	if c.traceLo|c.traceHi == 0 {
		e.readB3Multi(c)
	}
	e.readW3C(c)
	switch {
	case c.traceLo|c.traceHi != 0 || c.decision != undecided:
		c.remote = true
		return c, nil
	case e.malformed:
		return nil, opentracing.ErrSpanContextCorrupted
	}
	return nil, opentracing.ErrSpanContextNotFound
}

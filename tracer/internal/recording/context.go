package recording

import (
	"github.com/opentracing/opentracing-go"

	"bookservice/tracer/internal/spancontext"
)

// A recordedContext is the context of a span that this process records.
type recordedContext struct {
	spancontext.Context
	span *span
}

// contextOf returns the context of a Recorder that sc is, or nil.
func contextOf(sc opentracing.SpanContext) *spancontext.Context {
	switch c := sc.(type) {
	case *recordedContext:
		if c != nil {
			return &c.Context
		}
	case *spancontext.Context:
		return c
	}
	return nil
}

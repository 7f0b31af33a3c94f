// Package logging makes the commands' loggers.
package logging

import (
	"context"
	"io"
	"log/slog"

	"github.com/opentracing/opentracing-go"

	"bookservice/tracer"
)

// New returns a logger that writes lines of key=value pairs of this level and above to w. A line
// that is logged with the context of a span of package tracer has its trace_id and span_id, also if
// the span is not recorded.
func New(w io.Writer, level slog.Level) *slog.Logger {
	return slog.New(handler{slog.NewTextHandler(w, &slog.HandlerOptions{Level: level})})
}

// A handler adds the ids of the context's span to each record.
type handler struct{ slog.Handler }

func (h handler) Handle(ctx context.Context, r slog.Record) error {
	if span := opentracing.SpanFromContext(ctx); span != nil {
		if c, ok := span.Context().(tracer.SpanContext); ok {
			r.AddAttrs(slog.String("trace_id", c.TraceID()), slog.String("span_id", c.SpanID()))
		}
	}
	return h.Handler.Handle(ctx, r)
}

func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.Handler.WithAttrs(attrs)}
}

func (h handler) WithGroup(name string) slog.Handler { return handler{h.Handler.WithGroup(name)} }

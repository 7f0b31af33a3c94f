// Package logging makes the commands' loggers.
package logging

import (
	"context"
	"io"
	"log/slog"

	"github.com/opentracing/opentracing-go"

	"bookservice/tracer"
)

// New returns a logger that writes lines of key=value from this level up to w. A line that is logged with a context in
// which there is a span of package tracer carries its trace_id and span_id, recorded or not.
func New(w io.Writer, level slog.Level) *slog.Logger {
	return slog.New(traced{slog.NewTextHandler(w, &slog.HandlerOptions{Level: level})})
}

type traced struct{ slog.Handler }

func (t traced) Handle(ctx context.Context, r slog.Record) error {
	if span := opentracing.SpanFromContext(ctx); span != nil {
		if c, ok := span.Context().(tracer.SpanContext); ok {
			r.AddAttrs(slog.String("trace_id", c.TraceID()), slog.String("span_id", c.SpanID()))
		}
	}
	return t.Handler.Handle(ctx, r)
}

func (t traced) WithAttrs(attrs []slog.Attr) slog.Handler { return traced{t.Handler.WithAttrs(attrs)} }

func (t traced) WithGroup(name string) slog.Handler { return traced{t.Handler.WithGroup(name)} }

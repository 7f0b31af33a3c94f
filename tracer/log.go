package tracer

import (
	"context"
	"log/slog"
)

// logSink writes one line a span.
type logSink struct{ log *slog.Logger }

func openLog(_ context.Context, _ Config, o options) (sink, error) { return logSink{o.log}, nil }

func (l logSink) consume(f *finished) {
	m := &f.model
	attrs := []slog.Attr{
		slog.String("trace_id", m.TraceID.String()),
		slog.String("span_id", m.ID.String()),
		slog.String("name", m.Name),
		slog.String("kind", string(m.Kind)),
		slog.String("service", m.LocalEndpoint.ServiceName),
		slog.Time("start", m.Timestamp),
		slog.Duration("duration", m.Duration),
	}
	if m.ParentID != nil {
		attrs = append(attrs, slog.String("parent_id", m.ParentID.String()))
	}
	if m.RemoteEndpoint != nil {
		attrs = append(attrs, slog.String("remote", m.RemoteEndpoint.ServiceName))
	}
	var tags []any
	f.eachTag(func(t tag) { tags = append(tags, slog.String(t.key, t.value)) })
	if len(tags) > 0 {
		attrs = append(attrs, slog.Group("tags", tags...))
	}
	for _, a := range m.Annotations {
		attrs = append(attrs, slog.String("log", a.Value))
	}
	l.log.LogAttrs(context.Background(), slog.LevelInfo, "span", attrs...)
}

func (logSink) Close() error { return nil }

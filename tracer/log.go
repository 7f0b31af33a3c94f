package tracer

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/openzipkin/zipkin-go/model"
)

// logBackend returns the log backend.
func logBackend() Backend {
	return Backend{Name: "log", Open: func(_ context.Context, s Settings) (Sink, error) {
		return s.Reporter(logReporter{s.Logger}), nil
	}}
}

// A logReporter logs one line for each span.
type logReporter struct{ log *slog.Logger }

// Send implements reporter.Reporter.
func (l logReporter) Send(m model.SpanModel) { _ = l.TrySend(m) }

// TrySend implements sink.TryReporter. It calls the handler itself, because [slog.Logger] ignores
// the error of its handler. A handler that is not enabled for a level drops no span.
func (l logReporter) TrySend(m model.SpanModel) error {
	ctx := context.Background()
	if !l.log.Enabled(ctx, slog.LevelInfo) {
		return nil
	}
	attrs := []slog.Attr{
		slog.String("trace_id", m.TraceID.String()),
		slog.String("span_id", m.ID.String()),
	}
	if m.ParentID != nil {
		attrs = append(attrs, slog.String("parent_id", m.ParentID.String()))
	}
	if m.Debug {
		attrs = append(attrs, slog.Bool("debug", true))
	}
	attrs = append(attrs,
		slog.String("name", m.Name),
		slog.String("kind", string(m.Kind)),
		slog.Time("start", m.Timestamp),
		slog.Duration("duration", m.Duration),
		endpointAttr("local", m.LocalEndpoint),
		endpointAttr("remote", m.RemoteEndpoint),
		tagsAttr(m.Tags),
	)
	if len(m.Annotations) > 0 {
		attrs = append(attrs, slog.Any("logs", logged(m.Annotations)))
	}
	record := slog.NewRecord(time.Now(), slog.LevelInfo, "span", 0)
	record.AddAttrs(attrs...)
	return l.log.Handler().Handle(ctx, record)
}

// Close implements reporter.Reporter.
func (logReporter) Close() error { return nil }

// endpointAttr returns a group of the known parts. slog omits an empty group.
func endpointAttr(key string, e *model.Endpoint) slog.Attr {
	var attrs []any
	if e != nil && e.ServiceName != "" {
		attrs = append(attrs, slog.String("service", e.ServiceName))
	}
	if e != nil && len(e.IPv4)+len(e.IPv6) > 0 {
		attrs = append(attrs, slog.String("ip", append(slices.Clone(e.IPv4), e.IPv6...).String()))
	}
	if e != nil && e.Port != 0 {
		attrs = append(attrs, slog.Int("port", int(e.Port)))
	}
	return slog.Group(key, attrs...)
}

func tagsAttr(tags map[string]string) slog.Attr {
	attrs := make([]any, 0, len(tags))
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		attrs = append(attrs, slog.String(key, tags[key]))
	}
	return slog.Group("tags", attrs...)
}

// logged are the log records of a span, as one value: slog has no lists of groups.
type logged []model.Annotation

// MarshalJSON implements [json.Marshaler], which slog's JSON handler uses.
func (l logged) MarshalJSON() ([]byte, error) {
	type record struct {
		At   time.Time `json:"at"`
		Text string    `json:"text"`
	}
	records := make([]record, len(l))
	for i, a := range l {
		records[i] = record{a.Timestamp, a.Value}
	}
	return json.Marshal(records)
}

// MarshalText implements [encoding.TextMarshaler], which slog's text handler uses.
func (l logged) MarshalText() ([]byte, error) {
	var b []byte
	for i, a := range l {
		if i > 0 {
			b = append(b, "; "...)
		}
		b = append(b, a.Value...)
	}
	return b, nil
}

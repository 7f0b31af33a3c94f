package configs

import (
	"context"
	"log/slog"

	"bookservice/tracer"
)

// Warnings are log records about variables of OpenTelemetry and Jaeger whose values are ignored.
// The Parse functions collect them, because there is no logger yet.
type Warnings struct {
	records []slog.Record
}

// Log logs the warnings.
func (w *Warnings) Log(ctx context.Context, log *slog.Logger) {
	for _, r := range w.records {
		if log.Enabled(ctx, r.Level) {
			_ = log.Handler().Handle(ctx, r) // a logger returns no errors either
		}
	}
}

// collect returns the option that collects the records of the tracer.
func (w *Warnings) collect() tracer.Option {
	return tracer.WithLogger(slog.New(recordsHandler{slog.DiscardHandler, w}))
}

// A recordsHandler is a handler for loggers without further attributes or groups.
type recordsHandler struct {
	slog.Handler
	to *Warnings
}

func (recordsHandler) Enabled(context.Context, slog.Level) bool { return true }

func (c recordsHandler) Handle(_ context.Context, r slog.Record) error {
	c.to.records = append(c.to.records, r)
	return nil
}

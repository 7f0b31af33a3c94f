package testkit

import (
	"context"
	"log/slog"
)

// A LogFunc is a handler that calls a function with each record, whatever the level is. It drops
// attributes and groups of loggers. It has no lock, unlike the handlers of slog: a bubble of
// [testing/synctest] does not see that a goroutine waits for a lock.
type LogFunc func(slog.Record) error

// Enabled implements [slog.Handler].
func (LogFunc) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements [slog.Handler].
func (f LogFunc) Handle(_ context.Context, r slog.Record) error { return f(r) }

// WithAttrs implements [slog.Handler].
func (f LogFunc) WithAttrs([]slog.Attr) slog.Handler { return f }

// WithGroup implements [slog.Handler].
func (f LogFunc) WithGroup(string) slog.Handler { return f }

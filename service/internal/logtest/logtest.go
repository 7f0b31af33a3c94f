// Package logtest redirects the default logger in tests.
package logtest

import (
	"io"
	"log"
	"log/slog"
	"testing"
)

// CaptureDefault makes [slog.Default] write to w as text, at level debug, until the test ends. The
// test must not run in parallel with tests that log.
func CaptureDefault(t testing.TB, w io.Writer) {
	t.Helper()
	logger, output, flags := slog.Default(), log.Writer(), log.Flags()
	t.Cleanup(func() {
		slog.SetDefault(logger)
		log.SetOutput(output) // slog.SetDefault has changed both
		log.SetFlags(flags)
	})
	options := &slog.HandlerOptions{Level: slog.LevelDebug}
	slog.SetDefault(slog.New(slog.NewTextHandler(w, options)))
}

// Package kitlog adapts [slog.Logger] to the logger interface of go-kit.
package kitlog

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/go-kit/log"
)

// New returns a go-kit logger that writes each line to logger, at the given level and with the
// given message. Keys and values become attributes; a key without a value is dropped. The go-kit
// logger never returns an error. A nil logger discards all lines.
func New(logger *slog.Logger, level slog.Level, message string) log.Logger {
	logger = OrDiscard(logger)
	return log.LoggerFunc(func(keyvals ...any) error {
		ctx := context.Background()
		if !logger.Enabled(ctx, level) {
			return nil
		}
		attrs := make([]slog.Attr, 0, len(keyvals)/2)
		for i := 0; i+1 < len(keyvals); i += 2 {
			attrs = append(attrs, slog.Any(fmt.Sprint(keyvals[i]), keyvals[i+1]))
		}
		logger.LogAttrs(ctx, level, message, attrs...)
		return nil
	})
}

// OrDiscard returns logger, or a logger that discards all records if logger is nil.
func OrDiscard(logger *slog.Logger) *slog.Logger {
	if logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return logger
}

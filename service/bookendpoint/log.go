package bookendpoint

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/go-kit/log"
)

// KitLogger returns what go-kit's packages take as their logger: each line goes to logger at this level, under this
// message, with go-kit's keys and values as attributes.
func KitLogger(logger *slog.Logger, level slog.Level, message string) log.Logger {
	return log.LoggerFunc(func(keyvals ...any) error {
		if !logger.Enabled(context.Background(), level) {
			return nil
		}
		attrs := make([]slog.Attr, 0, len(keyvals)/2)
		for i := 0; i+1 < len(keyvals); i += 2 {
			attrs = append(attrs, slog.Any(fmt.Sprint(keyvals[i]), keyvals[i+1]))
		}
		logger.LogAttrs(context.Background(), level, message, attrs...)
		return nil
	})
}

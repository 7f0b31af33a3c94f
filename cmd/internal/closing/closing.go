// Package closing closes what a command has opened.
package closing

import (
	"io"
	"log/slog"
)

// Report closes c and logs what went wrong: at the end of a command nobody can do more about it.
func Report(log *slog.Logger, part string, c io.Closer) {
	if err := c.Close(); err != nil {
		log.Warn("stop", "part", part, "err", err)
	}
}

// Bookdemo runs the whole system in one process: an etcd, a collector with a page that shows
// traces, two bookservers that register in etcd, and a client that finds them there and makes calls
// until it is stopped. With -exit it makes one run and prints its trace.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"bookservice/cmd/internal/command"
	"bookservice/cmd/internal/logging"
	"bookservice/cmd/internal/output"
	"bookservice/configs"
)

func main() { command.Main(run) }

// run returns the exit status: 0 after success or a signal, 1 if a part failed or the output cannot
// be written, 2 if the arguments are wrong. If the reader of the output is gone (bookdemo | head),
// the demo ends, with status 0.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	cfg, err := configs.ParseDemo(args, stdout)
	switch {
	case errors.Is(err, configs.ErrDone):
		return output.Printed("bookdemo", stdout, stderr)
	case err != nil:
		fmt.Fprintln(stderr, "bookdemo:", output.Line(err.Error()))
		return 2
	}
	stdout, stderr = cfg.Sources.Mask(stdout), cfg.Sources.Mask(stderr)
	log := logging.New(stderr, slog.LevelWarn)
	// The parts print while they hold locks: the output must not block them.
	out := output.NewLog(stdout)
	ctx, end := context.WithCancel(ctx)
	defer end()
	go func() {
		select {
		case <-out.Failed():
			end()
		case <-ctx.Done():
		}
	}()
	err = runDemo(ctx, cfg, out, log)
	ended := ctx.Err() != nil
	if unwritten := out.Close(); unwritten != nil && !output.IsClosed(unwritten) {
		err, ended = unwritten, false
	}
	if err != nil && !ended {
		fmt.Fprintln(stderr, "bookdemo:", output.Line(cfg.Sources.Locate(err).Error()))
		return 1
	}
	return 0
}

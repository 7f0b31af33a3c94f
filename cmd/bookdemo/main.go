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
	"os"
	"os/signal"
	"syscall"

	"bookservice/cmd/internal/logging"
	"bookservice/configs"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(),
		os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	context.AfterFunc(ctx, stop) // a second signal then ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run returns the exit status: 0 after success or a signal, 1 if a part failed, 2 if the arguments
// are wrong.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	cfg, err := configs.ParseDemo(args, stdout)
	switch {
	case errors.Is(err, configs.ErrDone):
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "bookdemo:", err)
		return 2
	}
	stdout, stderr = cfg.Sources.Mask(stdout), cfg.Sources.Mask(stderr)
	log := logging.New(stderr, slog.LevelWarn)
	if err := runDemo(ctx, cfg, stdout, log); err != nil && ctx.Err() == nil {
		fmt.Fprintln(stderr, "bookdemo:", cfg.Sources.Locate(err))
		return 1
	}
	return 0
}

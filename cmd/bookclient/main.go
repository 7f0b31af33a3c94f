// Bookclient discovers the book service, asks it for one book and for the list, and prints both and the trace's id.
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

	"bookservice/cmd/internal/bookclient"
	"bookservice/cmd/internal/logging"
	"bookservice/configs"
	"bookservice/tracer"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // from here on a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run returns 0 when a signal stopped it, 1 when a call failed, and 2 when it could not start as asked.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	cfg, err := configs.ParseClient(args, stdout)
	if errors.Is(err, configs.ErrDone) {
		return 0
	}
	if err == nil {
		err = runs(ctx, cfg, stdout, logging.New(stderr, slog.LevelInfo))
	}
	if err == nil {
		return 0
	}
	fmt.Fprintln(stderr, "bookclient:", err)
	switch {
	case ctx.Err() != nil:
		return 0
	case errors.As(err, new(bookclient.Failure)):
		return 1
	}
	return 2
}

// runs makes the runs and then draws the spans that the memory backend has kept.
func runs(ctx context.Context, cfg configs.Client, stdout io.Writer, log *slog.Logger) error {
	spans := &tracer.Memory{}
	err := bookclient.Run(ctx, cfg, stdout, log, tracer.WithMemory(spans))
	if !cfg.JSON {
		err = errors.Join(err, spans.WriteTree(stdout))
	}
	return err
}

// Bookclient discovers the book service, requests one book and the list, and prints both and the
// id of the trace.
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
	context.AfterFunc(ctx, stop) // a second signal then ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run returns the exit status: 0 after success or a signal, 1 if a call failed or no instance was
// found, 2 if it could not start.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	cfg, err := configs.ParseClient(args, stdout)
	if errors.Is(err, configs.ErrDone) {
		return 0
	}
	stdout, stderr = cfg.Sources.Mask(stdout), cfg.Sources.Mask(stderr)
	if err == nil {
		log := logging.New(stderr, slog.LevelInfo)
		cfg.Warnings.Log(ctx, log)
		err = request(ctx, cfg, stdout, log)
	}
	if err == nil {
		return 0
	}
	fmt.Fprintln(stderr, "bookclient:", cfg.Sources.Locate(err))
	switch {
	case ctx.Err() != nil:
		return 0
	case errors.As(err, new(bookclient.RunError)):
		return 1
	}
	return 2
}

// request makes the runs and then prints the trees of the spans that the memory backend has.
func request(ctx context.Context, cfg configs.Client, stdout io.Writer, log *slog.Logger) error {
	spans := &tracer.Memory{}
	err := bookclient.Run(ctx, cfg, stdout, log, tracer.WithMemory(spans))
	if !cfg.JSON {
		err = errors.Join(err, spans.WriteTree(stdout))
	}
	return err
}

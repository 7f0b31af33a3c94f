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
	"bookservice/configs"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // from here on a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run returns 1 when a call failed, and 2 when it could not start as asked.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	cfg, err := configs.ParseClient(args, stdout)
	if errors.Is(err, configs.ErrDone) {
		return 0
	}
	if err == nil {
		err = bookclient.Run(ctx, cfg, stdout, slog.New(slog.NewTextHandler(stderr, nil)))
	}
	if err == nil {
		return 0
	}
	fmt.Fprintln(stderr, "bookclient:", err)
	if errors.As(err, new(bookclient.Failure)) {
		return 1
	}
	return 2
}

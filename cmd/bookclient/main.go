// Bookclient discovers the book service, requests one book and the list, and prints both and the
// id of the trace.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"bookservice/cmd/internal/bookclient"
	"bookservice/cmd/internal/command"
	"bookservice/cmd/internal/heap"
	"bookservice/cmd/internal/logging"
	"bookservice/cmd/internal/output"
	"bookservice/configs"
	"bookservice/tracer"
)

func main() { command.Main(run) }

// run returns the exit status: 0 after success or a signal, 1 if a call failed, no instance was
// found or the output cannot be written, 2 if it could not start. If the reader of the output is
// gone (bookclient | head -1), the command ends, with status 0.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	cfg, err := configs.ParseClient(args, stdout)
	if errors.Is(err, configs.ErrDone) {
		return output.Printed("bookclient", stdout, stderr)
	}
	stdout, stderr = cfg.Sources.Mask(stdout), cfg.Sources.Mask(stderr)
	if err == nil {
		log := logging.New(stderr, slog.LevelInfo)
		cfg.Warnings.Log(ctx, log)
		defer heap.Keep(cfg.HeapBytes)()
		err = request(ctx, cfg, stdout, log)
	}
	if err == nil || output.IsClosed(err) {
		return 0
	}
	line := output.Line(cfg.Sources.Locate(err).Error())
	if ctx.Err() != nil {
		fmt.Fprintln(stderr, "bookclient: interrupted:", line)
		return 0
	}
	fmt.Fprintln(stderr, "bookclient:", line)
	if errors.As(err, new(bookclient.RunError)) {
		return 1
	}
	return 2
}

// request makes the runs and then prints the trees of the spans that the memory backend has.
func request(ctx context.Context, cfg configs.Client, stdout io.Writer, log *slog.Logger) error {
	spans := &tracer.Memory{}
	err := bookclient.Run(ctx, cfg, stdout, log, tracer.WithMemory(spans))
	if cfg.JSON {
		return err
	}
	tree := spans.WriteTree(stdout)
	if err == nil && tree != nil {
		err = bookclient.RunError{Err: tree}
	}
	return err
}

// Bookserver serves the book service over gRPC, registers in etcd and traces every call.
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
	"bookservice/cmd/internal/server"
	"bookservice/configs"
	"bookservice/tracer"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal then ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run returns the exit status: 0 after a signal, 1 if serving failed, 2 if it could not start.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	cfg, err := configs.ParseServer(args, stdout)
	if errors.Is(err, configs.ErrDone) {
		return 0
	}
	stdout, stderr = cfg.Sources.Mask(stdout), cfg.Sources.Mask(stderr)
	var s *server.Server
	spans := &tracer.Memory{}
	if err == nil {
		log := logging.New(stderr, slog.LevelInfo)
		cfg.Warnings.Log(ctx, log)
		s, err = server.Start(ctx, cfg, log, tracer.WithMemory(spans))
	}
	if err != nil {
		fmt.Fprintln(stderr, "bookserver:", cfg.Sources.Locate(err))
		if ctx.Err() != nil {
			return 0 // a signal ended the start
		}
		return 2
	}
	err = s.Wait(ctx)
	s.Stop()
	err = errors.Join(err, spans.WriteTree(stdout)) // empty without the memory backend
	if err != nil {
		fmt.Fprintln(stderr, "bookserver:", err)
		return 1
	}
	return 0
}

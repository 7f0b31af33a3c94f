// Bookserver serves the book service over gRPC, registers in etcd and traces every call.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"bookservice/cmd/internal/command"
	"bookservice/cmd/internal/heap"
	"bookservice/cmd/internal/logging"
	"bookservice/cmd/internal/output"
	"bookservice/cmd/internal/server"
	"bookservice/configs"
	"bookservice/tracer"
)

func main() { command.Main(run) }

// run returns the exit status: 0 after a signal, 1 if serving failed, 2 if it could not start.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	cfg, err := configs.ParseServer(args, stdout)
	if errors.Is(err, configs.ErrDone) {
		return output.Printed("bookserver", stdout, stderr)
	}
	lost, counts := stderr.(interface{ Lost() uint64 })
	stdout, stderr = cfg.Sources.Mask(stdout), cfg.Sources.Mask(stderr)
	var s *server.Server
	spans := &tracer.Memory{}
	if err == nil {
		log := logging.New(stderr, slog.LevelInfo)
		cfg.Warnings.Log(ctx, log)
		defer heap.Keep(cfg.HeapBytes)()
		s, err = server.Start(ctx, cfg, log, tracer.WithMemory(spans))
	}
	if err == nil && counts {
		if err = s.ShowLostLines(lost.Lost); err != nil {
			s.Stop()
		}
	}
	if err != nil {
		line := output.Line(cfg.Sources.Locate(err).Error())
		if ctx.Err() != nil { // a signal ended the start
			fmt.Fprintln(stderr, "bookserver: interrupted:", line)
			return 0
		}
		fmt.Fprintln(stderr, "bookserver:", line)
		return 2
	}
	err = s.Wait(ctx)
	s.Stop()
	tree := spans.WriteTree(stdout) // empty without the memory backend
	if err == nil && !output.IsClosed(tree) {
		err = tree
	}
	if err != nil {
		fmt.Fprintln(stderr, "bookserver:", output.Line(err.Error()))
		return 1
	}
	return 0
}

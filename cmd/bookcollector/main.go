// Bookcollector receives spans of tracers, keeps them in memory and shows them on a page.
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

	"bookservice/cmd/internal/collector"
	"bookservice/cmd/internal/logging"
	"bookservice/configs"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal then ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run returns the exit status: 0 after a signal, 1 if serving failed, 2 if it could not start.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	cfg, err := configs.ParseCollector(args, stdout)
	if errors.Is(err, configs.ErrDone) {
		return 0
	}
	stdout, stderr = cfg.Sources.Mask(stdout), cfg.Sources.Mask(stderr)
	var s *collector.Server
	if err == nil {
		s, err = collector.Start(cfg, logging.New(stderr, slog.LevelInfo))
	}
	if err != nil {
		fmt.Fprintln(stderr, "bookcollector:", cfg.Sources.Locate(err))
		return 2
	}
	printAddresses(stdout, s)
	err = s.Wait(ctx)
	s.Stop()
	if err != nil {
		fmt.Fprintln(stderr, "bookcollector:", err)
		return 1
	}
	return 0
}

// printAddresses prints the page and where tracers send spans.
func printAddresses(w io.Writer, s *collector.Server) {
	fmt.Fprintf(w, "page            %s/zipkin/\n", s.URL())
	fmt.Fprintf(w, "Zipkin          %s/api/v2/spans\n", s.URL())
	fmt.Fprintf(w, "OTLP over HTTP  %s\n", s.URL())
	if grpc := s.GRPCURL(); grpc != "" {
		fmt.Fprintf(w, "OTLP over gRPC  %s\n", grpc)
	}
}

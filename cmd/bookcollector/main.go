// Bookcollector receives spans of tracers, keeps them in memory and shows them on a page.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"bookservice/cmd/internal/collector"
	"bookservice/cmd/internal/command"
	"bookservice/cmd/internal/logging"
	"bookservice/cmd/internal/output"
	"bookservice/configs"
)

func main() { command.Main(run) }

// run returns the exit status: 0 after a signal, 1 if serving failed, 2 if it could not start.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	cfg, err := configs.ParseCollector(args, stdout)
	if errors.Is(err, configs.ErrDone) {
		return output.Printed("bookcollector", stdout, stderr)
	}
	stdout, stderr = cfg.Sources.Mask(stdout), cfg.Sources.Mask(stderr)
	var s *collector.Server
	if err == nil {
		s, err = collector.Start(cfg, logging.New(stderr, slog.LevelInfo))
	}
	if err != nil {
		fmt.Fprintln(stderr, "bookcollector:", output.Line(cfg.Sources.Locate(err).Error()))
		return 2
	}
	addresses := output.NewLog(stdout)
	printAddresses(addresses, s)
	err = s.Wait(ctx)
	s.Stop()
	_ = addresses.Close() // the log has the addresses, too
	if err != nil {
		fmt.Fprintln(stderr, "bookcollector:", output.Line(err.Error()))
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

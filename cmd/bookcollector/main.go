// Bookcollector receives spans of tracers, keeps them in memory and shows them on a page.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"bookservice/cmd/internal/logging"
	"bookservice/tracer/collector"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal then ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run returns the exit status: 0 after a signal, 1 if serving failed, 2 if it could not start.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet("bookcollector", flag.ContinueOnError)
	addr := fs.String("addr", "127.0.0.1:9411", "`host:port` to listen on")
	cfg := collector.DefaultConfig()
	if err := cfg.RegisterFlags(fs, ""); err != nil {
		fmt.Fprintln(stderr, "bookcollector:", err)
		return 2
	}
	fs.SetOutput(stderr)
	if err := fs.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return 2
	}
	cfg.Logger = logging.New(stderr, slog.LevelInfo)
	c, err := collector.New(cfg)
	if err != nil {
		fmt.Fprintln(stderr, "bookcollector:", err)
		return 2
	}
	l, err := net.Listen("tcp", *addr)
	if err != nil {
		fmt.Fprintln(stderr, "bookcollector:", err)
		return 2
	}
	fmt.Fprintf(stdout, "traces: http://%s/zipkin/\n", l.Addr())
	server := &http.Server{Handler: c, ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	select {
	case err := <-failed:
		fmt.Fprintln(stderr, "bookcollector:", err)
		return 1
	case <-ctx.Done():
	}
	_ = c.Close()
	_ = server.Close()
	return 0
}

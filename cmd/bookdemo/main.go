// Bookdemo runs the whole system in one process: an etcd, two bookservers that register in it, and
// a client that finds them there, makes both calls and prints the trace.
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
	"bookservice/cmd/internal/server"
	"bookservice/cmd/internal/shutdown"
	"bookservice/configs"
	"bookservice/discovery/etcdembed"
	"bookservice/tracer"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
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
	if err := demo(ctx, cfg, stdout, logging.New(stderr, slog.LevelWarn)); err != nil {
		fmt.Fprintln(stderr, "bookdemo:", cfg.Sources.Locate(err))
		if ctx.Err() != nil {
			return 0 // a signal ended it
		}
		return 1
	}
	return 0
}

// demo starts etcd, the servers and the client in this order, and stops them in reverse.
func demo(ctx context.Context, cfg configs.Demo, stdout io.Writer, log *slog.Logger) error {
	open := shutdown.New(log)
	defer open.Close()
	etcd, err := etcdembed.Start(ctx, etcdembed.Config{})
	if err != nil {
		return err
	}
	open.Push("etcd", etcd.Close)
	fmt.Fprintf(stdout, "etcd: %s\n", etcd.ClientURL())
	spans := &tracer.Memory{}
	for range 2 {
		sc := cfg.Server
		sc.Discovery.Etcd = etcd.Endpoints()
		s, err := server.Start(ctx, sc, log, tracer.WithMemory(spans))
		if err != nil {
			return err
		}
		defer s.Stop()
		fmt.Fprintf(stdout, "bookserver: %s\n", s.Addr())
	}
	cc := cfg.Client
	cc.Discovery.Etcd = etcd.Endpoints()
	if err := bookclient.Run(ctx, cc, stdout, log, tracer.WithMemory(spans)); err != nil {
		return err
	}
	if err := spans.WriteTree(stdout); err != nil || cfg.Exit {
		return err
	}
	fmt.Fprintf(stdout, "\nStill running: bookclient -etcd %s asks again. Ctrl-C ends it.\n",
		etcd.Endpoints()[0])
	<-ctx.Done()
	return nil
}

// Package command runs a command in its process: it takes signals, and protects the command from
// the readers of its output.
package command

import (
	"context"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"

	"google.golang.org/grpc/grpclog"

	"bookservice/cmd/internal/output"
)

// Main calls run with the arguments of the process, and exits with the status that run returns.
//
// The context ends with the first SIGINT, SIGTERM or SIGHUP. A second SIGINT or SIGTERM kills the
// process. Further SIGHUPs are ignored, because a terminal that is closed sends several. A process
// that was started with SIGHUP ignored (nohup) ignores all.
//
// SIGPIPE is ignored: a write to a pipe whose reader is gone fails with an error. Standard output
// is an [output.Results]. Standard error is an [output.Log]; the standard library and gRPC log
// there, too.
func Main(run func(ctx context.Context, args []string, stdout, stderr io.Writer) int) {
	ctx := signals()
	stderr := output.NewLog(os.Stderr)
	log.SetOutput(stderr)
	if os.Getenv("GRPC_GO_LOG_SEVERITY_LEVEL") == "" { // else gRPC itself writes what it asks for
		grpclog.SetLoggerV2(grpclog.NewLoggerV2(io.Discard, io.Discard, stderr))
	}
	code := run(ctx, os.Args[1:], output.NewResults(ctx, os.Stdout), stderr)
	_ = stderr.Close() // the log is the only place to report the error
	os.Exit(code)
}

func signals() context.Context {
	signal.Ignore(syscall.SIGPIPE)
	ctx, cancel := context.WithCancel(context.Background())
	first, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(first, func() { // not after SIGHUP, which a SIGTERM follows in a logout
		stop()
		cancel()
	})
	if !signal.Ignored(syscall.SIGHUP) {
		hangups := make(chan os.Signal, 1)
		signal.Notify(hangups, syscall.SIGHUP)
		go func() {
			<-hangups
			cancel()
		}()
	}
	return ctx
}

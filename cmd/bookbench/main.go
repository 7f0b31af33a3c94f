package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"bookservice/cmd/bookbench/internal/side"
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == side.RoleCollector {
		os.Exit(runCollector())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// runCollector is the collector of a run. It ends with its orders, not at a signal to the group.
func runCollector() int {
	signal.Ignore(os.Interrupt, syscall.SIGTERM)
	if err := side.Obey(os.Stdin, side.Reports(), new(collector).do); err != nil {
		fmt.Fprintln(os.Stderr, "bookbench:", err)
		return 1
	}
	return 0
}

// run returns the exit status: 1 if a run failed or one of our rows has a problem, 2 if an argument
// is wrong.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	c, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "bookbench:", err)
		return 2
	}
	out := &output{Writer: stdout}
	err = c.measure(ctx, out, stderr)
	if err == nil {
		err = out.err
	}
	if ctx.Err() != nil {
		err = errors.New("interrupted")
	}
	if err != nil {
		fmt.Fprintln(stderr, "bookbench:", err)
		return 1
	}
	return 0
}

// An output keeps the first error of writing.
type output struct {
	io.Writer
	err error
}

func (o *output) Write(p []byte) (int, error) {
	n, err := o.Writer.Write(p)
	if o.err == nil {
		o.err = err
	}
	return n, err
}

// measure prints the table that the flags ask for.
func (c config) measure(ctx context.Context, stdout, stderr io.Writer) error {
	switch {
	case len(c.slow) > 0:
		return c.measureSlow(ctx, stdout, stderr)
	case len(c.lists) > 0:
		return c.measureLists(ctx, stdout, stderr)
	}
	return c.measureCalls(ctx, stdout, stderr)
}

// Faulttable measures how many spans are lost when a collector goes wrong, by this module's tracer, zipkin-go's HTTP
// reporter and OpenTelemetry's batch exporter, and prints a table in Markdown. It takes about a minute and a half.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"

	"bookservice/tracer"
	"bookservice/tracer/tracertest/faults"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run returns 1 when a measurement failed, and 2 when there is nothing to measure as asked.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet("faulttable", flag.ContinueOnError)
	fs.SetOutput(stderr)
	only := fs.String("only", "", "measure the faults with this in their names")
	if err := fs.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return 2
	}
	chosen := slices.DeleteFunc(faults.All(), func(f faults.Fault) bool { return !strings.Contains(f.Name, *only) })
	switch {
	case fs.NArg() > 0:
		fmt.Fprintf(stderr, "faulttable: unexpected argument %q\n", fs.Arg(0))
		return 2
	case len(chosen) == 0:
		fmt.Fprintf(stderr, "faulttable: only %q: is in no fault's name\n", *only)
		return 2
	}
	if err := measure(ctx, stdout, chosen); err != nil {
		fmt.Fprintln(stderr, "faulttable:", err)
		return 1
	}
	return 0
}

// measure prints a line for each fault.
func measure(ctx context.Context, to io.Writer, chosen []faults.Fault) error {
	senders := []faults.Sender{
		faults.Ours(faults.FlushTimeout, tracer.WithLogger(slog.New(slog.DiscardHandler))), zipkinGo(), openTelemetry(),
	}
	header, rule := "| the collector | finished |", "|---|---:|"
	for _, s := range senders {
		header += fmt.Sprintf(" %s: arrived | lost |", s.Name)
		rule += "---:|---:|"
	}
	fmt.Fprintf(to, "%s\n%s\n", header, rule)
	for _, f := range chosen {
		results, err := beside(ctx, f, senders)
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		fmt.Fprintf(to, "| %s | %d |", f.Name, f.Spans())
		for _, r := range results {
			fmt.Fprintf(to, " %d | %d |", r.Arrived, r.Lost())
		}
		fmt.Fprintln(to)
	}
	return nil
}

// beside has all senders go through the fault at the same time, each with a collector of its own.
func beside(ctx context.Context, f faults.Fault, senders []faults.Sender) ([]faults.Result, error) {
	results, errs := make([]faults.Result, len(senders)), make([]error, len(senders))
	var all sync.WaitGroup
	for i, s := range senders {
		all.Go(func() { results[i], errs[i] = faults.Run(ctx, f, s) })
	}
	all.Wait()
	for i, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("%s: %w", senders[i].Name, err)
		}
	}
	return results, nil
}

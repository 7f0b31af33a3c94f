// Faulttable measures how many spans are lost during faults of a collector: by this project's
// tracer, by zipkin-go's HTTP reporter, and by OpenTelemetry's batch span processor. It prints a
// table in Markdown, which takes about a minute and a half.
//
//	go -C cmd/internal/outside run ./faulttable [-only TEXT]
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"

	"bookservice/cmd/internal/outside/flags"
	"bookservice/tracer"
	"bookservice/tracer/tracertest/faults"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run returns the exit status: 1 if a measurement failed or was interrupted, 2 if the arguments are
// wrong.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet("faulttable", flag.ContinueOnError)
	only := fs.String("only", "", "measure only the faults whose names contain this `text`")
	if status, done := flags.Parse(fs, args, stderr); done {
		return status
	}
	chosen := slices.DeleteFunc(faults.All(), func(f faults.Fault) bool {
		return !strings.Contains(f.Name, *only)
	})
	if len(chosen) == 0 {
		fmt.Fprintf(stderr, "faulttable: -only %q: must be a part of one of these names: %s\n",
			*only, names())
		return 2
	}
	if err := measure(ctx, stdout, chosen); err != nil {
		fmt.Fprintln(stderr, "faulttable:", err)
		return 1
	}
	return 0
}

// names lists the names of all faults. Some of them contain commas.
func names() string {
	var list []string
	for _, f := range faults.All() {
		list = append(list, f.Name)
	}
	return strings.Join(list, "; ")
}

// measure prints the table, with a row for each of the faults.
func measure(ctx context.Context, stdout io.Writer, chosen []faults.Fault) error {
	quiet := tracer.WithLogger(slog.New(slog.DiscardHandler))
	senders := []faults.Sender{
		faults.Ours(faults.FlushTimeout, quiet), zipkinGo(), openTelemetry(),
	}
	header, rule := "| the collector | finished |", "|---|---:|"
	for _, s := range senders {
		header += fmt.Sprintf(" %s: arrived | lost |", s.Name)
		rule += "---:|---:|"
	}
	fmt.Fprintf(stdout, "%s\n%s\n", header, rule)
	for _, f := range chosen {
		results, err := runAll(ctx, f, senders)
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		fmt.Fprintf(stdout, "| %s | %d |", f.Name, f.Spans())
		for _, r := range results {
			fmt.Fprintf(stdout, " %d | %d |", r.Arrived, r.Lost())
		}
		fmt.Fprintln(stdout)
	}
	return nil
}

// runAll runs the senders concurrently, each with a collector of its own. The results are in the
// order of the senders.
func runAll(
	ctx context.Context, f faults.Fault, senders []faults.Sender,
) ([]faults.Result, error) {
	results, errs := make([]faults.Result, len(senders)), make([]error, len(senders))
	var group sync.WaitGroup
	for i, s := range senders {
		group.Go(func() { results[i], errs[i] = faults.Run(ctx, f, s) })
	}
	group.Wait()
	for i, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("%s: %w", senders[i].Name, err)
		}
	}
	return results, nil
}

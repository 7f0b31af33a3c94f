// Discoverytable measures what faults of etcd cost the clients and servers of this project's
// discovery, and those of go-kit's sd/etcdv3. Both use the same etcd processes at the same time,
// with the same TTL of 10 s and as many instances. It prints a table in Markdown, which takes about
// two and a half minutes, and needs an installed etcd.
//
//	go -C cmd/internal/outside run ./discoverytable [-only TEXT]
//
// For each system the table has
//
//   - the time in which the client's list was empty,
//   - that in which it was short, or had a value that is no address,
//   - that from the end of the fault until all registrations were in etcd, at most 40 s,
//   - that from a later change until the client's list had it, at most 10 s.
//
// A measurement ends 13 s after the fault, or 40 s if one of the systems has not recovered by then.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"bookservice/cmd/internal/outside/flags"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	// The logger of go-kit's clients, which writes to standard error, cannot be replaced.
	_ = os.Setenv("ETCD_CLIENT_DEBUG", "fatal") // the name is valid
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run returns the exit status: 1 if a measurement failed or was interrupted, 2 if the arguments are
// wrong.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet("discoverytable", flag.ContinueOnError)
	only := fs.String("only", "", "measure only the faults whose names contain this `text`")
	if status, done := flags.Parse(fs, args, stderr); done {
		return status
	}
	chosen := slices.DeleteFunc(allFaults(), func(f fault) bool {
		return !strings.Contains(f.name, *only)
	})
	if len(chosen) == 0 {
		fmt.Fprintf(stderr, "discoverytable: -only %q: must be a part of one of these names: %s\n",
			*only, names())
		return 2
	}
	if err := table(ctx, stdout, chosen, allLimits()); err != nil {
		fmt.Fprintln(stderr, "discoverytable:", err)
		return 1
	}
	return 0
}

// names lists the names of all faults. Some of them contain commas.
func names() string {
	var list []string
	for _, f := range allFaults() {
		list = append(list, f.name)
	}
	return strings.Join(list, "; ")
}

// concurrent is the number of faults that are measured at a time, each with an etcd of its own.
// They mostly wait.
const concurrent = 5

// A row is the measurement of one fault.
type row struct {
	results []result // in the order of the systems
	err     error
}

// table prints the table, with a row for each of the faults.
func table(ctx context.Context, stdout io.Writer, chosen []fault, l limits) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	header, rule := "| fault |", "|---|"
	for _, s := range systems() {
		header += fmt.Sprintf(" %s: list empty | short | registered again | change seen |", s.name)
		rule += strings.Repeat("---:|", 4)
	}
	fmt.Fprintf(stdout, "%s\n%s\n", header, rule)
	rows := make([]chan row, len(chosen))
	sem := make(chan struct{}, concurrent)
	for n := range rows {
		rows[n] = make(chan row, 1)
		go func() {
			sem <- struct{}{}
			defer func() { <-sem }()
			results, err := measure(ctx, chosen[n], l)
			rows[n] <- row{results, err}
		}()
	}
	var failed error
	for n, f := range chosen { // all of them, so that no process is left
		r := <-rows[n]
		if r.err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", f.name, r.err))
			cancel()
		}
		if failed != nil {
			continue
		}
		fmt.Fprintf(stdout, "| %s |", f.name)
		for _, r := range r.results {
			fmt.Fprintf(stdout, " %s | %s | %s | %s |",
				seconds(r.empty), seconds(r.short), seconds(r.back), seconds(r.change))
		}
		fmt.Fprintln(stdout)
	}
	return failed
}

// never stands for what has not happened within the limit of a measurement.
const never = time.Duration(-1)

func seconds(d time.Duration) string {
	switch {
	case d == never:
		return "never"
	case d < 50*time.Millisecond:
		return "0"
	default:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
}

package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"bookservice/tracer/tracertest/testkit"
)

// slowCallers is how many callers there are while the collector is slow.
const slowCallers = 64

// plan returns how to run a row with this many of the calls that it usually makes, one per caller
// at least. The warm-up has half of the calls.
func (c config) plan(r row, callers, calls int) plan {
	calls = max(calls/max(r.fewer, 1), callers)
	return plan{
		row: r, callers: callers, calls: calls, warm: max(calls/2, callers), settle: !c.short,
	}
}

// repeat runs the plans c.reps times, in random order within each repetition, and calls take with
// each result of a complete repetition. done is the number of those; it is less than c.reps only
// with an error.
func (c config) repeat(ctx context.Context, stderr io.Writer, plans []plan,
	take func(rep int, p plan, s sample)) (done int, err error) {
	programs, remove, err := buildPrograms(ctx, plans)
	if err != nil {
		return 0, err
	}
	defer remove()
	began := time.Now()
	for rep := range c.reps {
		samples := make([]sample, len(plans))
		for _, i := range rand.Perm(len(plans)) {
			p := plans[i]
			p.programs = programs
			if samples[i], err = p.run(ctx); err != nil {
				return rep, err
			}
		}
		for i, s := range samples {
			take(rep, plans[i], s)
		}
		fmt.Fprintf(stderr, "bookbench: repetition %d of %d done after %v\n",
			rep+1, c.reps, time.Since(began).Round(time.Second))
	}
	return c.reps, nil
}

// chosen returns the rows that the flags choose, with raw gRPC first.
func (c config) chosen() []row {
	return choose(c.rows, func(r row) bool {
		switch {
		case len(c.slow) > 0:
			return r.share == 1 && r.fewer == 0
		case len(c.lists) > 0:
			return r.lists
		}
		return true
	})
}

// buildPrograms builds the programs of the rows and returns their files by folder. remove removes
// them. They have the race detector if this program has it.
func buildPrograms(ctx context.Context, plans []plan) (
	files map[string]string, remove func(), err error) {
	dir, err := os.MkdirTemp("", "bookbench")
	if err != nil {
		return nil, nil, err
	}
	remove = func() { _ = os.RemoveAll(dir) }
	args := []string{"build", fmt.Sprintf("-race=%v", testkit.RaceDetector), "-o", dir}
	files = map[string]string{}
	for _, p := range plans {
		for _, folder := range []string{p.row.client, p.row.server} {
			if files[folder] == "" {
				files[folder] = filepath.Join(dir, folder)
				args = append(args, "bookservice/cmd/bookbench/"+folder)
			}
		}
	}
	build := exec.CommandContext(ctx, "go", args...)
	build.Cancel = func() error { return build.Process.Signal(os.Interrupt) } // ends its children
	build.WaitDelay = 5 * time.Second
	if out, err := build.CombinedOutput(); err != nil {
		remove()
		return nil, nil, fmt.Errorf("build the programs of the rows, which needs the folder of "+
			"bookbench as the working directory: %w\n%s", err, out)
	}
	return files, remove, nil
}

// measureCalls prints the table of calls and writes the chart. After an error the table has the
// complete repetitions, if there are any, and there is no chart.
func (c config) measureCalls(ctx context.Context, stdout, stderr io.Writer) error {
	chosen := c.chosen()
	var plans []plan
	for _, callers := range c.callers {
		for _, r := range chosen {
			plans = append(plans, c.plan(r, callers, c.calls))
		}
	}
	results := newResults()
	done, err := c.repeat(ctx, stderr, plans, func(rep int, p plan, s sample) {
		results.add(key{p.row.name, p.callers}, rep, s)
	})
	if done == 0 {
		return err
	}
	lines := results.rank(chosen, c.callers)
	printCalls(stdout, lines, c.callers)
	if err != nil {
		return err
	}
	if c.svg != "" {
		f, err := os.Create(c.svg)
		if err != nil {
			return err
		}
		if err := drawChart(f, lines, c.callers); err != nil {
			_ = f.Close()
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	return problems(lines)
}

// measureLists prints a table of GetBookList for each number of books.
func (c config) measureLists(ctx context.Context, stdout, stderr io.Writer) error {
	chosen := c.chosen()
	for _, books := range c.lists {
		var plans []plan
		for _, callers := range c.callers {
			for _, r := range chosen {
				p := c.plan(r, callers, max(c.calls/max(books/50, 1), 4*callers))
				p.books = books
				plans = append(plans, p)
			}
		}
		results := newResults()
		done, err := c.repeat(ctx, stderr, plans, func(rep int, p plan, s sample) {
			results.add(key{p.row.name, p.callers}, rep, s)
		})
		if done == 0 {
			return err
		}
		lines := results.rank(chosen, c.callers)
		fmt.Fprintf(stdout, "GetBookList of %d books:\n\n", books)
		printCalls(stdout, lines, c.callers)
		fmt.Fprintln(stdout)
		if err := cmp.Or(err, problems(lines)); err != nil {
			return err
		}
	}
	return nil
}

// measureSlow prints the table of spans lost and of memory while the collector is slow. A loss of
// ours is an error.
func (c config) measureSlow(ctx context.Context, stdout, stderr io.Writer) error {
	chosen := c.chosen()[1:]
	delays := append([]time.Duration{0}, c.slow...)
	var plans []plan
	for _, d := range delays {
		for _, r := range chosen {
			p := c.plan(r, slowCallers, c.calls)
			p.delay, p.settle = d, false
			plans = append(plans, p)
		}
	}
	results := slowResults{}
	done, err := c.repeat(ctx, stderr, plans, func(_ int, p plan, s sample) {
		k := slowKey{p.row.name, p.delay}
		results[k] = append(results[k], s)
	})
	if done == 0 {
		return err
	}
	results.print(stdout, chosen, delays)
	if err != nil {
		return err
	}
	return results.problemsOfOurs(chosen, delays)
}

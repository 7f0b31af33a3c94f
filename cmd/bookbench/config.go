package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A config is what the flags say.
type config struct {
	reps    int
	calls   int
	callers []int
	rows    *regexp.Regexp
	slow    []time.Duration
	lists   []int
	svg     string
	short   bool
}

// Numbers of -short, which shows only that everything works.
const (
	shortReps  = 1
	shortCalls = 1000
)

// parse reads the flags. Its error is one line.
func parse(args []string, stderr io.Writer) (config, error) {
	c := config{reps: 10, calls: 20_000, callers: []int{16, 64}, rows: regexp.MustCompile("")}
	fs := flag.NewFlagSet("bookbench", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.IntVar(&c.reps, "reps", c.reps, "repetitions, 1 or more")
	fs.IntVar(&c.calls, "calls", c.calls, "calls of a run, 100 to 1000000")
	fs.Func("callers", "comma-separated `numbers` of callers, 1 to 1000 (default 16,64)",
		list(&c.callers, number(1, 1000)))
	fs.Func("rows", "`regexp` of the names of rows to run beside raw grpc-go",
		func(s string) (err error) {
			c.rows, err = regexp.Compile(s)
			return err
		})
	fs.Func("slow", "instead, measure spans lost and memory, at 64 callers, with a collector that "+
		"answers after each of these comma-separated `durations`, 1ms to 10s",
		list(&c.slow, duration))
	fs.Func("list", "instead, measure GetBookList with each of these comma-separated `numbers` of "+
		"books, 1 to 100000", list(&c.lists, number(1, 100_000)))
	fs.StringVar(&c.svg, "svg", "", "`file` to write a chart to")
	fs.BoolVar(&c.short, "short", false,
		"run each row once with few calls, as a test; the figures mean nothing")
	err := fs.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(stderr, "usage: go run . [flags]")
		fs.SetOutput(stderr)
		fs.PrintDefaults()
		return c, err
	}
	if err != nil {
		return c, err
	}
	if c.short {
		set := map[string]bool{}
		fs.Visit(func(f *flag.Flag) { set[f.Name] = true })
		if !set["reps"] {
			c.reps = shortReps
		}
		if !set["calls"] {
			c.calls = shortCalls
		}
	}
	return c, c.check(fs.Args())
}

// check checks what the flags together say.
func (c config) check(args []string) error {
	switch {
	case len(args) > 0:
		return fmt.Errorf("unexpected argument %q", args[0])
	case c.reps < 1:
		return fmt.Errorf("-reps %d: must be 1 or more", c.reps)
	case c.calls < 100 || c.calls > 1_000_000:
		return fmt.Errorf("-calls %d: must be 100 to 1000000", c.calls)
	case len(c.slow) > 0 && len(c.lists) > 0:
		return errors.New("-list: must not be set together with -slow")
	case len(c.chosen()) == 1 && (len(c.slow) > 0 || !c.rows.MatchString(rawName)):
		return fmt.Errorf("-rows %s: must match one of these names: %s", c.rows, c.names())
	case c.svg != "" && len(c.slow)+len(c.lists) > 0:
		return fmt.Errorf("-svg %s: must not be set together with -slow or -list", c.svg)
	case c.svg != "":
		f, err := os.OpenFile(c.svg, os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			return fmt.Errorf("-svg %s: must be a file to write to: %w", c.svg, err)
		}
		return f.Close()
	}
	return nil
}

// names lists the names of the rows that could be chosen. Some of them contain commas.
func (c config) names() string {
	var list []string
	c.rows = regexp.MustCompile("")
	for _, r := range c.chosen()[1:] {
		list = append(list, r.name)
	}
	return strings.Join(list, "; ")
}

// list returns a function that sets a list from comma-separated values.
func list[T any](to *[]T, parse func(string) (T, error)) func(string) error {
	return func(s string) error {
		var all []T
		for v := range strings.SplitSeq(s, ",") {
			one, err := parse(v)
			if err != nil {
				return err
			}
			all = append(all, one)
		}
		*to = all
		return nil
	}
}

func number(least, most int) func(string) (int, error) {
	return func(s string) (int, error) {
		n, err := strconv.Atoi(s)
		if err != nil || n < least || n > most {
			return 0, fmt.Errorf("must be numbers from %d to %d", least, most)
		}
		return n, nil
	}
}

func duration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d < time.Millisecond || d > 10*time.Second {
		return 0, errors.New("must be durations from 1ms to 10s")
	}
	return d, nil
}

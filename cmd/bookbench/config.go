package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"regexp/syntax"
	"slices"
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
	var wrong error // the value that made Parse fail
	define := func(name, usage string, set func(string) error) {
		fs.Func(name, usage, func(v string) error {
			err := set(v)
			if err != nil {
				wrong = fmt.Errorf("-%s %s: %w", name, oneLine(v), err)
			}
			return err
		})
	}
	define("reps", "`number` of repetitions, 1 to 1000 (default 10)", one(&c.reps, number(1, 1000)))
	define("calls", "`number` of calls of a run, 100 to 1000000 (default 20000)",
		one(&c.calls, number(100, 1_000_000)))
	define("callers", "comma-separated `numbers` of callers, 1 to 1000 (default 16,64)",
		list(&c.callers, number(1, 1000)))
	define("rows", "`regexp` of the names of rows to run; those of calls and lists run beside raw "+
		"grpc-go", one(&c.rows, pattern))
	define("slow", "instead, measure spans lost and memory, at 64 callers, with a collector that "+
		"answers after each of these comma-separated `durations`, 1ms to 10s",
		list(&c.slow, duration))
	define("list", "instead, measure GetBookList with each of these comma-separated `numbers` of "+
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
		return c, cmp.Or(wrong, err)
	}
	set := map[string]bool{}
	fs.Visit(func(f *flag.Flag) { set[f.Name] = true })
	if set["callers"] && len(c.slow) > 0 {
		return c, fmt.Errorf("-callers %s: must not be set together with -slow", join(c.callers))
	}
	if c.short {
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
	case len(slices.Compact(slices.Sorted(slices.Values(c.callers)))) < len(c.callers):
		return fmt.Errorf("-callers %s: must be different numbers", join(c.callers))
	case len(c.slow) > 0 && len(c.lists) > 0:
		return fmt.Errorf("-list %s: must not be set together with -slow", join(c.lists))
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

// oneLine returns a value as it was typed, or quoted if it has a character that cannot be printed.
func oneLine(v string) string {
	if quoted := strconv.Quote(v); strings.Contains(quoted, `\`) {
		return quoted
	}
	return v
}

func join(numbers []int) string {
	return strings.ReplaceAll(strings.Trim(fmt.Sprint(numbers), "[]"), " ", ",")
}

// one returns a function that sets a value.
func one[T any](to *T, parse func(string) (T, error)) func(string) error {
	return func(s string) (err error) {
		*to, err = parse(s)
		return err
	}
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
			return 0, fmt.Errorf("must be %d to %d", least, most)
		}
		return n, nil
	}
}

func pattern(s string) (*regexp.Regexp, error) {
	r, err := regexp.Compile(s)
	if err, ok := errors.AsType[*syntax.Error](err); ok {
		return nil, fmt.Errorf("must be a regular expression: %s", err.Code)
	}
	return r, nil
}

func duration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d < time.Millisecond || d > 10*time.Second {
		return 0, errors.New("must be durations from 1ms to 10s")
	}
	return d, nil
}

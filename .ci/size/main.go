// Command size builds a small program with package tracer in a module of its own, measures it and
// the package, and compares the figures with the limits in limits.go:
//
//	go -C .ci run ./size [-circles PATTERN] [DIR]
//
// DIR is the root of the module bookservice (default: the parent of the working directory). Each
// figure is one line; exit status 1 if one is beyond its limit. With -circles it prints, for each
// package that matches PATTERN, the largest group of files that refer to each other in a circle.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("size", flag.ContinueOnError)
	flags.SetOutput(stderr)
	pattern := flags.String("circles", "", "print the circles of the packages that match `PATTERN`")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	dir := ".."
	if flags.NArg() > 0 {
		dir = flags.Arg(0)
	}
	show := printFigures
	if *pattern != "" {
		show = func(stdout io.Writer, dir string) (bool, error) {
			return true, printCircles(stdout, dir, *pattern)
		}
	}
	switch within, err := show(stdout, dir); {
	case err != nil:
		fmt.Fprintln(stderr, "size:", err)
		return 2
	case !within:
		return 1
	}
	return 0
}

// printFigures reports whether each figure is within its limit.
func printFigures(stdout io.Writer, dir string) (bool, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return false, err
	}
	p, err := build(dir)
	if err != nil {
		return false, err
	}
	defer p.remove()
	var beyond []string
	for _, l := range limits() {
		have, detail, err := l.measure(p)
		if err != nil {
			return false, fmt.Errorf("%s: %w", l.name, err)
		}
		verdict := "ok  "
		if have > l.most {
			verdict = "over"
			beyond = append(append(beyond, l.name+":"), detail...)
		}
		fmt.Fprintf(stdout, "%s %-58s %9d, at most %9d\n", verdict, l.name, have, l.most)
	}
	for _, line := range beyond {
		fmt.Fprintln(stdout, line)
	}
	return len(beyond) == 0, nil
}

func printCircles(stdout io.Writer, dir, pattern string) error {
	found, err := circles(dir, pattern)
	if err != nil {
		return err
	}
	for _, c := range found {
		fmt.Fprintf(stdout, "%s: %d of %d files: %s\n", c.importPath, len(c.files), c.of,
			strings.Join(c.files, " "))
	}
	return nil
}

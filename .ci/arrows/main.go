// Command arrows checks what each package imports against the list in allow.txt:
//
//	go -C .ci run ./arrows [-unused] [DIR]
//
// DIR is the root of the module (default: the parent of the working directory). Every import and
// every restricted name without an allowance is one line, and exit status 1. With -unused it prints
// the allowances that no file needs instead.
//
// Files are parsed, not built: files for other platforms are checked too, and nothing but Go is
// needed. Folders that package patterns skip (a leading "." or "_", testdata, nested modules) are
// skipped here as well.
package main

import (
	_ "embed"
	"flag"
	"fmt"
	"io"
	"os"
)

//go:embed allow.txt
var allowed string

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("arrows", flag.ContinueOnError)
	flags.SetOutput(stderr)
	unused := flags.Bool("unused", false, "print the allowances that no file needs")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	dir := ".."
	if flags.NArg() > 0 {
		dir = flags.Arg(0)
	}
	rules, err := parseRules(".ci/arrows/allow.txt", allowed)
	if err != nil {
		fmt.Fprintln(stderr, "arrows:", err)
		return 2
	}
	files, err := load(dir)
	if err != nil {
		fmt.Fprintln(stderr, "arrows:", err)
		return 2
	}
	refused := rules.check(files)
	if *unused {
		for _, line := range rules.unused() {
			fmt.Fprintln(stdout, line)
		}
		return 0
	}
	for _, line := range refused {
		fmt.Fprintln(stdout, line)
	}
	if len(refused) > 0 {
		return 1
	}
	return 0
}

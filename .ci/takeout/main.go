// Command takeout follows the README's recipes for using packages tracer and discovery in another
// module, in empty modules and by both ways, and runs the README's own snippets:
//
//	go -C .ci run ./takeout [DIR]
//
// DIR is the root of the repository (default: the parent of the working directory). A local
// collector must receive the spans of each program. Exit status 1 if a recipe fails.
package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	dir := ".."
	if len(args) > 0 {
		dir = args[0]
	}
	root, err := filepath.Abs(dir)
	if err != nil {
		fmt.Fprintln(stderr, "takeout:", err)
		return 2
	}
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		fmt.Fprintln(stderr, "takeout:", err)
		return 2
	}
	readme, err := parse(string(text))
	if err != nil {
		fmt.Fprintln(stderr, "takeout: README.md:", err)
		return 1
	}
	status := 0
	for _, r := range recipes {
		start := time.Now()
		if err := r.follow(root, readme); err != nil {
			fmt.Fprintf(stderr, "takeout: %s: %v\n", r.name, err)
			status = 1
			continue
		}
		fmt.Fprintf(stdout, "%s: %.0f s\n", r.name, time.Since(start).Seconds())
	}
	return status
}

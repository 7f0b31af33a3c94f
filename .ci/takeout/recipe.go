package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// limit is the time that the README promises a newcomer for each recipe.
const limit = 5 * time.Minute

// module is the newcomer's module, which the README names.
const module = "example.com/orders"

// A recipe uses a package of this repository in an empty module.
type recipe struct {
	name   string
	copied string // the folder that is copied; empty for the first way
	source func(*readme) string
	spans  bool // the program sends a span
}

var recipes = []recipe{
	{"tracer by replace", "", func(r *readme) string { return r.program }, true},
	{"tracer by copying", "tracer", func(r *readme) string { return r.program }, true},
	{"from the bare bridge by replace", "", (*readme).bridgeProgram, true},
	{"discovery by replace", "", (*readme).discoveryProgram, false},
	{"discovery by copying", "discovery", (*readme).discoveryProgram, false},
}

func (r recipe) follow(root string, text *readme) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	dir, err := os.MkdirTemp("", "takeout")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	c, err := startCollector(ctx)
	if err != nil {
		return err
	}
	defer c.close()
	main := filepath.Join(dir, "main.go")
	if err := os.WriteFile(main, []byte(r.program(text)), 0o600); err != nil {
		return err
	}
	start := text.start + " -zipkin-url " + c.url
	if !r.spans {
		start = "go run ."
	}
	for _, command := range append(r.setUp(root, text), "go vet .", start) {
		if err := sh(ctx, dir, command); err != nil {
			return err
		}
	}
	if r.spans {
		return c.check("orders", "hello")
	}
	return nil
}

// program returns the source of main.go.
func (r recipe) program(text *readme) string {
	source := r.source(text)
	if r.copied != "" {
		source = strings.ReplaceAll(source, "bookservice/"+r.copied, module+"/"+r.copied)
	}
	return source
}

// setUp returns the README's commands, for the folder that is copied.
func (r recipe) setUp(root string, text *readme) []string {
	commands := []string{"go mod init " + module}
	if r.copied == "" {
		return append(commands, strings.ReplaceAll(text.replace, "DIR", root))
	}
	copyDir := strings.ReplaceAll(text.copyDir, "DIR", root)
	if r.copied != "tracer" {
		copyDir = strings.ReplaceAll(copyDir, "/tracer", "/"+r.copied)
	}
	return append(commands, copyDir, text.goGet)
}

// sh runs a command as a user types it.
func sh(ctx context.Context, dir, command string) error {
	cmd := exec.CommandContext(ctx, "sh", "-ec", command)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off")
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		err = errors.Join(ctx.Err(), err)
	}
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", command, err, out)
	}
	return nil
}

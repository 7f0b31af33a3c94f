// Licences checks that every module which a package of this module needs, tests excluded, has a
// permissive licence: Apache 2.0, MIT or BSD. A module of another kind is one line, and exit
// status 1.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	if err := check(context.Background(), os.Stdout, ".."); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// check checks the modules that the module in dir needs.
func check(ctx context.Context, stdout io.Writer, dir string) error {
	cmd := exec.CommandContext(ctx, "go", "list", "-deps",
		"-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Dir}}{{end}}{{end}}", "./...")
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("go list: %w", err)
	}
	modules := strings.Split(strings.TrimSpace(string(out)), "\n")
	slices.Sort(modules)
	modules = slices.DeleteFunc(slices.Compact(modules), func(m string) bool { return m == "" })
	var errs []error
	count := map[string]int{}
	for _, line := range modules {
		name, folder, _ := strings.Cut(line, " ")
		licence, err := licenceOf(folder)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
		count[licence]++
	}
	fmt.Fprintf(stdout, "%d modules: %d Apache 2.0, %d MIT, %d BSD\n",
		len(modules), count["Apache 2.0"], count["MIT"], count["BSD"])
	return errors.Join(errs...)
}

// licenceOf returns the kind of the licence in a module's folder.
func licenceOf(folder string) (string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return "", err
	}
	for _, entry := range entries {
		name := strings.ToLower(entry.Name())
		if !strings.HasPrefix(name, "licen") && !strings.HasPrefix(name, "copying") {
			continue
		}
		content, err := os.ReadFile(filepath.Join(folder, entry.Name()))
		if err != nil {
			return "", err
		}
		if kind := kindOf(string(content)); kind != "" {
			return kind, nil
		}
	}
	return "", errors.New("no licence that is Apache 2.0, MIT or BSD")
}

// kindOf returns the kind of a licence, or "".
func kindOf(text string) string {
	text = strings.Join(strings.Fields(strings.ToLower(text)), " ")
	switch {
	case strings.Contains(text, "apache license") && strings.Contains(text, "version 2.0"):
		return "Apache 2.0"
	case strings.Contains(text, "permission is hereby granted, free of charge"):
		return "MIT"
	case strings.Contains(text, "redistribution and use in source and binary forms"):
		return "BSD"
	}
	return ""
}

package flags_test

import (
	"flag"
	"strings"
	"testing"

	"bookservice/cmd/internal/outside/flags"
)

func TestWrongFlagIsOneLine(t *testing.T) {
	for args, want := range map[string]string{
		"-nope":   "table: flag provided but not defined: -nope\n",
		"-rate x": "table: invalid value \"x\" for flag -rate: parse error\n",
		"-rate":   "table: flag needs an argument: -rate\n",
		"extra":   "table: unexpected argument \"extra\"\n",
	} {
		fs := flag.NewFlagSet("table", flag.ContinueOnError)
		fs.Int("rate", 1, "calls")
		var errs strings.Builder
		status, done := flags.Parse(fs, strings.Fields(args), &errs)
		if status != 2 || !done || errs.String() != want {
			t.Errorf("%s: have status %d, %t and %q, want 2, true and %q",
				args, status, done, errs.String(), want)
		}
	}
}

func TestHelpHasTheFlags(t *testing.T) {
	fs := flag.NewFlagSet("table", flag.ContinueOnError)
	rate := fs.Int("rate", 1, "calls")
	var errs strings.Builder
	if status, done := flags.Parse(fs, []string{"-h"}, &errs); status != 0 || !done ||
		!strings.Contains(errs.String(), "-rate int\n") {
		t.Errorf("have status %d, %t and %q, want 0, true and the flag", status, done, &errs)
	}
	if status, done := flags.Parse(fs, []string{"-rate", "2"}, &errs); status != 0 || done ||
		*rate != 2 {
		t.Errorf("have status %d, %t and the rate %d, want 0, false and 2", status, done, *rate)
	}
}

package main

import (
	"context"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestTable checks that both systems work without a fault, and that the table shows what the loss
// of a lease costs them: ours registers again, and go-kit's does not.
func TestTable(t *testing.T) {
	if _, err := exec.LookPath("etcd"); err != nil {
		t.Skip("etcd is not installed: ", err)
	}
	t.Setenv("ETCD_CLIENT_DEBUG", "fatal")
	chosen := []fault{
		{"none", 1, func(context.Context, *world) error { return nil }},
		{"one lease revoked", 1, revokeOne},
	}
	var out strings.Builder
	l := limits{least: time.Second, back: ttl, change: ttl}
	if err := table(t.Context(), &out, chosen, l); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 4 || !strings.HasPrefix(lines[0], "| fault | bookservice/discovery: list") ||
		!strings.HasPrefix(lines[1], "|---|---:|") {
		t.Fatalf("have\n%s\nwant a table with two rows", &out)
	}
	for n, want := range []string{
		`\| none \| 0 \| 0 \| 0 \| [\d. s]+ \| 0 \| 0 \| 0 \| [\d. s]+ \|`,
		`\| one lease revoked \| 0 \| [\d. s]+ \| [\d. s]+ \| [\d. s]+ ` +
			`\| 0 \| [\d.]+ s \| never \| [\d. s]+ \|`,
	} {
		if have := lines[2+n]; !regexp.MustCompile("^" + want + "$").MatchString(have) {
			t.Errorf("have row %s, want %s", have, want)
		}
	}
}

func TestNothingToMeasure(t *testing.T) {
	for want, args := range map[string][]string{
		`-only "no such thing": must be a part of one of these names: etcd killed`: {
			"-only", "no such thing",
		},
		`unexpected argument "500"`: {"500"},
		"not defined: -all":         {"-all"},
	} {
		var out, errs strings.Builder
		code := run(t.Context(), args, &out, &errs)
		if code != 2 || out.Len() > 0 || !strings.Contains(errs.String(), want) {
			t.Errorf("%v: have status %d, %q and %q, want 2 and %q", args, code, &out, &errs, want)
		}
	}
}

// A wrong flag is one line, without the usage, and status 2.
func TestWrongFlagIsOneLine(t *testing.T) {
	var out, errs strings.Builder
	code := run(t.Context(), []string{"-nope"}, &out, &errs)
	if line := errs.String(); code != 2 || strings.Count(line, "\n") != 1 ||
		!strings.Contains(line, "-nope") || out.Len() > 0 {
		t.Errorf("have status %d, %q and %q, want 2 and one line", code, &out, line)
	}
}

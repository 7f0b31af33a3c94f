package main

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"bookservice/tracer/tracertest/faults"
)

// row matches the row of a fault with 2000 spans of which our tracer lost none.
var row = regexp.MustCompile(
	`^\| (none|500 for 5 s) \| 2000 \| 2000 \| 0 \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$`)

// TestTable checks that the table has a row for each chosen fault, that our tracer loses no span,
// and that zipkin-go's reporter loses spans during a fault.
func TestTable(t *testing.T) {
	var chosen []faults.Fault
	for _, f := range faults.All() {
		if f.Name == "none" || f.Name == "500 for 5 s" {
			f.Load, f.Lasts = time.Second, min(f.Lasts, time.Second/2)
			chosen = append(chosen, f)
		}
	}
	var out strings.Builder
	if err := measure(t.Context(), &out, chosen); err != nil {
		t.Fatal(err)
	}
	const header = "| the collector | finished | bookservice/tracer: arrived | lost | zipkin-go"
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 4 || !strings.HasPrefix(lines[0], header) ||
		!strings.HasPrefix(lines[1], "|---|---:|") {
		t.Fatalf("have\n%s\nwant a table with two rows", &out)
	}
	for _, line := range lines[2:] {
		found := row.FindStringSubmatch(line)
		if found == nil {
			t.Fatalf("have row %s", line)
		}
		var n [4]int // arrived and lost, of zipkin-go and of OpenTelemetry
		for i := range n {
			n[i], _ = strconv.Atoi(found[2+i]) // the pattern admits only digits
		}
		if n[0]+n[1] != 2000 || n[2]+n[3] != 2000 || found[1] != "none" && n[1] == 0 {
			t.Errorf("have row %s, want 2000 spans arrived or lost for each sender, "+
				"and some lost by zipkin-go during a fault", line)
		}
	}
}

func TestNothingToMeasure(t *testing.T) {
	for want, args := range map[string][]string{
		`-only "no such thing": must be a part of one of these names: none; `: {
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

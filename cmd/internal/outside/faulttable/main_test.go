package main

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"bookservice/tracer/tracertest/faults"
)

// row is of a fault with 2000 spans, of which none of ours is lost.
var row = regexp.MustCompile(`^\| (none|500 for 5 s) \| 2000 \| 2000 \| 0 \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$`)

// The table has a row for each fault that was asked for. In none of ours is anything lost; zipkin-go's reporter loses what a
// collector does not take at once.
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
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 4 || !strings.HasPrefix(lines[0], "| the collector | finished | bookservice/tracer: arrived | lost | zipkin-go") || !strings.HasPrefix(lines[1], "|---|---:|") {
		t.Fatalf("have\n%s\nwant a table of two rows", &out)
	}
	for _, line := range lines[2:] {
		found := row.FindStringSubmatch(line)
		if found == nil {
			t.Fatalf("have %s", line)
		}
		var n [4]int
		for i := range n {
			n[i], _ = strconv.Atoi(found[2+i]) // they are digits
		}
		if n[0]+n[1] != 2000 || n[2]+n[3] != 2000 || found[1] != "none" && n[1] == 0 {
			t.Errorf("have %s, want what arrived and what was lost to be all, and zipkin-go to lose some with a fault", line)
		}
	}
}

func TestNothingToMeasure(t *testing.T) {
	for want, args := range map[string][]string{
		`only "no such thing": is in no fault's name`: {"-only", "no such thing"},
		`unexpected argument "500"`:                   {"500"},
		"not defined: -all":                           {"-all"},
	} {
		var out, errs strings.Builder
		if code := run(t.Context(), args, &out, &errs); code != 2 || out.Len() > 0 || !strings.Contains(errs.String(), want) {
			t.Errorf("%v: have status %d, %q and %q, want 2 and %q", args, code, &out, &errs, want)
		}
	}
}

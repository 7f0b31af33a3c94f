package main

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"bookservice/tracer/tracertest/faults"
)

// The table has a row for each fault that was asked for. In none of ours is anything lost; the others lose what a collector
// does not take at once.
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
	if !regexp.MustCompile(`^\| the collector \| finished \|.*
\|---.*
\| none \| 2000 \| 2000 \| 0 \| 2000 \| 0 \| 2000 \| 0 \|
\| 500 for 5 s \| 2000 \| 2000 \| 0 \| \d+ \| [1-9]\d* \| \d+ \| [1-9]\d* \|
$`).MatchString(out.String()) {
		t.Errorf("have\n%s\nwant a row of which the others lose some", &out)
	}
}

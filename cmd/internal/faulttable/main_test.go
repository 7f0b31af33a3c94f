package main

import (
	"regexp"
	"strings"
	"testing"
)

// The table has a row for the fault that was asked for, in which nothing of ours is lost.
func TestTable(t *testing.T) {
	var out strings.Builder
	if err := measure(t.Context(), &out, "500"); err != nil {
		t.Fatal(err)
	}
	rows := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(rows) != 3 || !regexp.MustCompile(`^\| 500 for 5 s \| 12000 \| 12000 \| 0 \| \d+ \| [1-9]\d* \| \d+ \| [1-9]\d* \|$`).MatchString(rows[2]) {
		t.Errorf("have\n%s\nwant a row in which the others lose some", &out)
	}
}

func TestNoSuchFault(t *testing.T) {
	if err := measure(t.Context(), &strings.Builder{}, "no such thing"); err == nil || !strings.Contains(err.Error(), `"no such thing"`) {
		t.Errorf("have %v, want what was asked for named", err)
	}
}

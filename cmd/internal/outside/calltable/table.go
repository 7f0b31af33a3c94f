package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// first is the time after the begin of a fault that is counted on its own.
const first = time.Second

// A result is what one fault has cost one system.
type result struct {
	failed        int
	later, within durations // by whether calls began within the first second
}

// durations are those of calls, failed or not.
type durations []time.Duration

// p99 returns the 99th percentile (nearest rank), and the longest.
func (d durations) p99() (p99, longest time.Duration) {
	if len(d) == 0 {
		return 0, 0
	}
	slices.Sort(d)
	return d[(len(d)*99+99)/100-1], d[len(d)-1]
}

func (r *result) add(s sample, within bool) {
	if s.err != nil {
		r.failed++
	}
	if within {
		r.within = append(r.within, s.took)
	} else {
		r.later = append(r.later, s.took)
	}
}

func (r *result) cells() string {
	later, longest := r.later.p99()
	within, longestWithin := r.within.p99()
	return fmt.Sprintf(" %d | %s | %s | %s | %s |", r.failed,
		millis(later), millis(longest), millis(within), millis(longestWithin))
}

func millis(d time.Duration) string {
	if d < 10*time.Millisecond {
		return fmt.Sprintf("%.1f ms", d.Seconds()*1000)
	}
	return fmt.Sprintf("%.0f ms", d.Seconds()*1000)
}

// results returns the results of one system: before the first fault, for each fault, and for the
// whole run.
func (m *measurement) results(system int) []result {
	all := make([]result, len(m.begins)+2)
	for _, s := range m.samples[system] {
		n, _ := slices.BinarySearchFunc(m.begins, s.began, func(b, at time.Time) int {
			return cmp.Or(b.Compare(at), -1) // n faults have begun, also at this very time
		})
		within := n > 0 && s.began.Sub(m.begins[n-1]) < first
		all[n].add(s, within)
		all[len(all)-1].add(s, within)
	}
	return all
}

// print prints the table to stdout and the errors of calls to stderr. It returns an error if a
// call of our system failed.
func (m *measurement) print(stdout, stderr io.Writer) error {
	header, rule := "| fault |", "|---|"
	names := []string{"none"}
	for _, f := range m.plan.faults {
		names = append(names, f.name)
	}
	names = append(names, fmt.Sprintf("whole run: %d calls each", len(m.samples[ours])))
	rows := make([]string, len(names))
	var failed []int
	for n, s := range systems() {
		header += fmt.Sprintf(" %s: failed | p99 | slowest | first second: p99 | slowest |", s.name)
		rule += strings.Repeat("---:|", 5)
		results := m.results(n)
		for i := range results {
			rows[i] += results[i].cells()
		}
		failed = append(failed, results[len(results)-1].failed)
		printErrors(stderr, s.name, m.samples[n])
	}
	fmt.Fprintf(stdout, "%s\n%s\n", header, rule)
	for n, name := range names {
		fmt.Fprintf(stdout, "| %s |%s\n", name, rows[n])
	}
	if failed[ours] > 0 {
		return fmt.Errorf("%s: %d calls failed", systems()[ours].name, failed[ours])
	}
	return nil
}

// maxErrors is how many different errors of a system are printed at most.
const maxErrors = 10

// printErrors prints the errors of a system, the most frequent first.
func printErrors(w io.Writer, name string, samples []sample) {
	counts := map[string]int{}
	for _, s := range samples {
		if s.err != nil {
			counts[s.err.Error()]++
		}
	}
	texts := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(counts[b]-counts[a], strings.Compare(a, b))
	})
	for _, text := range texts[:min(len(texts), maxErrors)] {
		fmt.Fprintf(w, "calltable: %s: %d × %.300s\n", name, counts[text], text)
	}
}

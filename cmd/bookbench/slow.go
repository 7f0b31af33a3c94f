package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// A slowKey names the samples of a row with a collector that answers after a delay.
type slowKey struct {
	row   string
	delay time.Duration
}

// slowResults are the samples of all repetitions.
type slowResults map[slowKey][]sample

// problem returns the first problem of the samples.
func (r slowResults) problem(k slowKey) string {
	for _, s := range r[k] {
		if s.Problem != "" {
			return s.Problem
		}
	}
	return ""
}

// peak returns the median of the server's peak of memory, in MB.
func (r slowResults) peak(k slowKey) float64 {
	var peaks []float64
	for _, s := range r[k] {
		peaks = append(peaks, float64(s.PeakRSS)/(1<<20))
	}
	return spreadOf(peaks).median
}

// lost returns the median of the share of the spans that was lost, in percent.
func (r slowResults) lost(k slowKey) float64 {
	var lost []float64
	for _, s := range r[k] {
		lost = append(lost, 100*s.Lost)
	}
	return spreadOf(lost).median
}

// print prints the table in Markdown. The first delay is 0.
func (r slowResults) print(w io.Writer, chosen []row, delays []time.Duration) {
	header, rule := "| |", "|---|"
	for _, d := range delays {
		header += fmt.Sprintf(" lost at %v |", d)
		rule += "--:|"
	}
	for _, d := range delays[1:] {
		header += fmt.Sprintf(" more memory at %v |", d)
		rule += "--:|"
	}
	fmt.Fprintf(w, "%s |\n%s---|\n", header, rule)
	for _, row := range chosen {
		name := row.name
		if row.ours {
			name = "**" + name + "**"
		}
		fmt.Fprintf(w, "| %s |", name)
		none := slowKey{row.name, delays[0]}
		var notes []string
		for _, d := range delays {
			k := slowKey{row.name, d}
			fmt.Fprintf(w, " %.1f %% |", r.lost(k))
			if p := r.problem(k); p != "" && r.lost(k) == 0 {
				notes = append(notes, fmt.Sprintf("%v: %s", d, oneCell(p)))
			}
		}
		for _, d := range delays[1:] {
			fmt.Fprintf(w, " %.1f MB |", r.peak(slowKey{row.name, d})-r.peak(none))
		}
		fmt.Fprintf(w, " %s |\n", strings.Join(notes, "; "))
	}
}

// problemsOfOurs returns an error for each delay with which one of our rows has a problem.
func (r slowResults) problemsOfOurs(chosen []row, delays []time.Duration) error {
	var errs []error
	for _, row := range chosen {
		for _, d := range delays {
			if problem := r.problem(slowKey{row.name, d}); row.ours && problem != "" {
				errs = append(errs, fmt.Errorf("%s, %v: %s", row.name, d, problem))
			}
		}
	}
	return errors.Join(errs...)
}

// oneCell makes a text fit for a cell of a table.
func oneCell(text string) string {
	text = strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "|", `\|`)
	if r := []rune(text); len(r) > 160 {
		return string(r[:160]) + "…"
	}
	return text
}

package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// A key names the samples of a row at a number of callers.
type key struct {
	row     string
	callers int
}

// results are the samples of all repetitions, by repetition.
type results map[key]map[int]sample

func newResults() results { return results{} }

func (r results) add(k key, rep int, s sample) {
	if r[k] == nil {
		r[k] = map[int]sample{}
	}
	r[k][rep] = s
}

// A spread is the median of a figure over the repetitions, and its range.
type spread struct{ median, least, most float64 }

// spreadOf sorts the figures, of which there is at least one.
func spreadOf(figures []float64) spread {
	slices.Sort(figures)
	n := len(figures)
	median := figures[n/2]
	if n%2 == 0 {
		median = (figures[n/2-1] + figures[n/2]) / 2
	}
	return spread{median, figures[0], figures[n-1]}
}

// String returns the median and, if there is one, the range.
func (s spread) String() string {
	if s.least == s.most {
		return fmt.Sprintf("%.2f", s.median)
	}
	return fmt.Sprintf("%.2f (%.2f–%.2f)", s.median, s.least, s.most)
}

// A line is a row of the table. The slices have an element for each number of callers.
type line struct {
	row     row
	cpu     []spread        // relative to raw gRPC of the same repetition
	wall    []spread        // the same
	rawCPU  []time.Duration // median of raw gRPC
	allocs  float64         // median over repetitions and callers
	bytes   float64
	problem string // of the first sample that has one
}

// rank returns the lines, sorted by CPU at the first number of callers. Lines with a problem come
// last. Every row has a sample for each repetition of raw gRPC.
func (r results) rank(chosen []row, callers []int) []line {
	var lines []line
	for _, row := range chosen {
		lines = append(lines, r.line(row, callers))
	}
	slices.SortStableFunc(lines, func(a, b line) int {
		return cmp.Or(
			cmp.Compare(min(len(a.problem), 1), min(len(b.problem), 1)),
			cmp.Compare(a.cpu[0].median, b.cpu[0].median))
	})
	return lines
}

func (r results) line(row row, callers []int) line {
	l := line{row: row}
	var allocs, bytes []float64
	for _, n := range callers {
		var cpu, wall, raw []float64
		samples := r[key{row.name, n}]
		for rep := range len(samples) {
			s, base := samples[rep], r[key{rawName, n}][rep]
			cpu = append(cpu, float64(s.CPU)/float64(base.CPU))
			wall = append(wall, float64(s.Wall)/float64(base.Wall))
			raw = append(raw, float64(base.CPU))
			allocs, bytes = append(allocs, s.Allocs), append(bytes, s.Bytes)
			if l.problem == "" && s.Problem != "" {
				l.problem = fmt.Sprintf("%d callers, repetition %d: %s", n, rep+1, s.Problem)
			}
		}
		l.cpu, l.wall = append(l.cpu, spreadOf(cpu)), append(l.wall, spreadOf(wall))
		l.rawCPU = append(l.rawCPU, time.Duration(spreadOf(raw).median))
	}
	l.allocs, l.bytes = spreadOf(allocs).median, spreadOf(bytes).median
	return l
}

// printCalls prints the lines in Markdown.
func printCalls(w io.Writer, lines []line, callers []int) {
	header, rule := "| |", "|---|"
	for _, n := range callers {
		header += fmt.Sprintf(" CPU × raw, %d callers |", n)
		rule += "--:|"
	}
	for _, n := range callers {
		header += fmt.Sprintf(" time × raw, %d |", n)
		rule += "--:|"
	}
	fmt.Fprintf(w, "%s allocations | kB | |\n%s--:|--:|---|\n", header, rule)
	for _, l := range lines {
		name, note := l.row.name, ""
		if l.row.ours {
			name = "**" + name + "**"
		}
		if l.problem != "" {
			note = "not ranked: " + oneCell(l.problem)
		}
		fmt.Fprintf(w, "| %s |", name)
		for _, s := range l.cpu {
			fmt.Fprintf(w, " %v |", s)
		}
		for _, s := range l.wall {
			fmt.Fprintf(w, " %.2f |", s.median)
		}
		fmt.Fprintf(w, " %.0f | %.1f | %s |\n", l.allocs, l.bytes/1000, note)
	}
	for i, n := range callers {
		fmt.Fprintf(w, "\nraw grpc-go, %d callers: %.1f µs of CPU a call, server and client.",
			n, float64(lines[0].rawCPU[i])/float64(time.Microsecond))
	}
	fmt.Fprintln(w)
}

// problems returns an error for each of our lines that has a problem, and for raw gRPC's.
func problems(lines []line) error {
	var errs []error
	for _, l := range lines {
		if l.problem != "" && (l.row.ours || l.row.name == rawName) {
			errs = append(errs, fmt.Errorf("%s: %s", l.row.name, l.problem))
		}
	}
	return errors.Join(errs...)
}

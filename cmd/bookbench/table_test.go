package main

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestSpread(t *testing.T) {
	for _, test := range []struct {
		figures []float64
		want    spread
		text    string
	}{
		{[]float64{2}, spread{2, 2, 2}, "2.00"},
		{[]float64{3, 1}, spread{2, 1, 3}, "2.00 (1.00–3.00)"},
		{[]float64{9, 1, 2}, spread{2, 1, 9}, "2.00 (1.00–9.00)"},
		{[]float64{4, 1, 8, 2}, spread{3, 1, 8}, "3.00 (1.00–8.00)"},
	} {
		have := spreadOf(slices.Clone(test.figures))
		if have != test.want || have.String() != test.text {
			t.Errorf("%v: have %+v, %q, want %+v, %q",
				test.figures, have, have.String(), test.want, test.text)
		}
	}
}

// fill adds a sample for each repetition, with these microseconds of CPU.
func (r results) fill(name string, callers int, cpu ...int) {
	for rep, us := range cpu {
		d := time.Duration(us) * time.Microsecond
		r.add(key{name, callers}, rep, sample{CPU: d, Wall: 2 * d, Allocs: 100, Bytes: 2000})
	}
}

// tableLines has raw gRPC, a row of ours, a cheaper peer, and a cheap row that lost spans.
func tableLines() []line {
	r := newResults()
	r.fill(rawName, 16, 10, 20, 40)
	r.fill("ours", 16, 30, 30, 120) // 3, 1.5 and 3 times raw gRPC of the same repetition
	r.fill("peer", 16, 15, 30, 60)  // 1.5 times each
	r.fill("lossy", 16, 1, 1, 1)
	r.add(key{"lossy", 16}, 1, sample{Problem: "7 of 9 spans lost | x"})
	rows := []row{{name: rawName}, {name: "lossy"}, {name: "ours", ours: true}, {name: "peer"}}
	return r.rank(rows, []int{16})
}

// TestRatios checks that ratios are taken within a repetition, before the median: the ratio of the
// medians of ours is 1.5, the median of the ratios 3.
func TestRatios(t *testing.T) {
	var have []string
	for _, l := range tableLines() {
		have = append(have, l.row.name+" "+l.cpu[0].String())
	}
	want := []string{
		"raw grpc-go 1.00", "peer 1.50", "ours 3.00 (1.50–3.00)", "lossy 0.03 (0.00–0.10)",
	}
	if !slices.Equal(have, want) {
		t.Errorf("have %q, want %q", have, want)
	}
}

func TestTable(t *testing.T) {
	var b strings.Builder
	printCalls(&b, tableLines(), []int{16})
	const want = `| | CPU × raw, 16 callers | time × raw, 16 | allocations | kB | |
|---|--:|--:|--:|--:|---|
| raw grpc-go | 1.00 | 1.00 | 100 | 2.0 |  |
| peer | 1.50 | 1.50 | 100 | 2.0 |  |
| **ours** | 3.00 (1.50–3.00) | 3.00 | 100 | 2.0 |  |
| lossy | 0.03 (0.00–0.10) | 0.03 | 100 | 2.0 | not ranked: 16 callers, repetition 2: ` +
		`7 of 9 spans lost \| x |

raw grpc-go, 16 callers: 20.0 µs of CPU a call, server and client.
`
	if b.String() != want {
		t.Errorf("have\n%s\nwant\n%s", &b, want)
	}
}

// A problem of ours makes the command fail. One of a peer does not.
func TestProblemsOfOurs(t *testing.T) {
	lines := tableLines()
	if err := problems(lines); err != nil {
		t.Errorf("have %v, want nil: only a peer has a problem", err)
	}
	lines[2].problem = "1 of 9 spans lost"
	if err := problems(lines); err == nil || err.Error() != "ours: 1 of 9 spans lost" {
		t.Errorf("have %v, want the loss of ours", err)
	}
}

// The chart has the ranked rows only. A bar that is much longer than the median is cut.
func TestChart(t *testing.T) {
	lines := tableLines()
	lines[1].row.name = `<peer> & "co"`
	lines[1].cpu[0].median = 50
	var b strings.Builder
	if err := drawChart(&b, lines, []int{16}); err != nil {
		t.Fatal(err)
	}
	have := b.String()
	for _, want := range []string{
		"&lt;peer&gt; &amp; &#34;co&#34;", `class="ours">ours<`, "→ 50.00", ">3.00<",
		"prefers-color-scheme: dark",
	} {
		if !strings.Contains(have, want) {
			t.Errorf("have no %s in\n%s", want, have)
		}
	}
	if strings.Contains(have, "lossy") || strings.Count(have, "<rect") != 3 {
		t.Errorf("have\n%s\nwant 3 bars, and none of the row that lost spans", have)
	}
}

func TestSlowTable(t *testing.T) {
	r := slowResults{}
	const mb = 1 << 20
	for _, s := range []struct {
		row   string
		delay time.Duration
		sample
	}{
		{"ours", 0, sample{PeakRSS: 20 * mb}},
		{"ours", time.Second, sample{PeakRSS: 23 * mb}},
		{"ours", time.Second, sample{PeakRSS: 25 * mb}},
		{"peer", 0, sample{PeakRSS: 30 * mb}},
		{"peer", time.Second, sample{PeakRSS: 29 * mb, Lost: 0.25, Problem: "9 of 36 spans lost"}},
		{"third", 0, sample{PeakRSS: mb, Problem: "1 of 9 calls failed: EOF"}},
		{"third", time.Second, sample{PeakRSS: mb}},
	} {
		k := slowKey{s.row, s.delay}
		r[k] = append(r[k], s.sample)
	}
	chosen := []row{{name: "ours", ours: true}, {name: "peer"}, {name: "third"}}
	delays := []time.Duration{0, time.Second}
	if err := r.problemsOfOurs(chosen, delays); err != nil {
		t.Errorf("have %v, want nil: only peers have problems", err)
	}
	var b strings.Builder
	r.print(&b, chosen, delays)
	const want = `| | lost at 0s | lost at 1s | more memory at 1s | |
|---|--:|--:|--:|---|
| **ours** | 0.0 % | 0.0 % | 4.0 MB |  |
| peer | 0.0 % | 25.0 % | -1.0 MB |  |
| third | 0.0 % | 0.0 % | 0.0 MB | 0s: 1 of 9 calls failed: EOF |
`
	if b.String() != want {
		t.Errorf("have\n%s\nwant\n%s", &b, want)
	}
	r[slowKey{"ours", time.Second}][1].Problem = "1 of 36 spans lost"
	const lost = "ours, 1s: 1 of 36 spans lost"
	if err := r.problemsOfOurs(chosen, delays); err == nil || err.Error() != lost {
		t.Errorf("have %v, want %q", err, lost)
	}
}

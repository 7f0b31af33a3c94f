package main

import (
	"errors"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestTable checks that our client loses no call when a server is killed and when one hangs, and
// that the table has a row for each fault.
func TestTable(t *testing.T) {
	if _, err := exec.LookPath("etcd"); err != nil {
		t.Skip("etcd is not installed: ", err)
	}
	t.Setenv("ETCD_CLIENT_DEBUG", "fatal")
	p := plan{time.Second, time.Second / 2, []fault{
		{"killed", 2 * time.Second, killServer},
		{"stopped", 3 * time.Second, stopServer},
	}}
	const rate = 100
	m, err := measure(t.Context(), p, rate)
	if err != nil {
		t.Fatal(err)
	}
	var out, errs strings.Builder
	if err := m.print(&out, &errs); err != nil {
		t.Errorf("have %v and %s, want no failed call of ours", err, &errs)
	}
	const least = 6 * rate
	for n, s := range systems() {
		if have := len(m.samples[n]); have < least {
			t.Errorf("%s: have %d calls, want at least %d", s.name, have, least)
		}
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 6 || !strings.HasPrefix(lines[0], "| fault | bookservice: failed | p99 |") ||
		!strings.HasPrefix(lines[1], "|---|---:|") {
		t.Fatalf("have\n%s\nwant a table with four rows", &out)
	}
	const cells = ` (\d+ \|( [\d.]+ ms \|){4})`
	for n, want := range []string{"none", "killed", "stopped", `whole run: \d+ calls each`} {
		row := regexp.MustCompile(`^\| ` + want + ` \| 0 \|( [\d.]+ ms \|){4}` + cells + `$`)
		if have := lines[2+n]; !row.MatchString(have) {
			t.Errorf("have row %s, want %s", have, row)
		}
	}
}

// TestResults checks how calls are assigned to faults, and what is printed of them.
func TestResults(t *testing.T) {
	begin := time.Now()
	at := func(seconds float64, took time.Duration, err error) sample {
		return sample{begin.Add(time.Duration(seconds * float64(time.Second))), took, err}
	}
	m := &measurement{
		plan:   plan{faults: []fault{{name: "one"}, {name: "two"}}},
		begins: []time.Time{begin.Add(10 * time.Second), begin.Add(20 * time.Second)},
		samples: [][]sample{{
			at(0, time.Millisecond, nil),
			at(9.9, 15*time.Second, errors.New("early")), // it began before the fault
			at(10, 3*time.Millisecond, nil),
			at(10.9, 4*time.Millisecond, errors.New("a")),
			at(20.5, 6*time.Millisecond, errors.New("a")),
			at(21, 7*time.Millisecond, nil),
		}, {at(19.9, 20*time.Millisecond, nil)}},
	}
	for n := range 200 { // in the first fault: of 5.05 to 15 ms
		took := 5*time.Millisecond + time.Duration(n+1)*50*time.Microsecond
		m.samples[ours] = append(m.samples[ours], at(11+float64(n)/100, took, nil))
	}
	var out, errs strings.Builder
	err := m.print(&out, &errs)
	if err == nil || err.Error() != "bookservice: 3 calls failed" {
		t.Errorf("have error %v", err)
	}
	_, rows, _ := strings.Cut(out.String(), "---:|\n")
	const none = " 0 | 0.0 ms | 0.0 ms | 0.0 ms | 0.0 ms |\n"
	want := "| none | 1 | 15000 ms | 15000 ms | 0.0 ms | 0.0 ms |" + none +
		"| one | 1 | 15 ms | 15 ms | 4.0 ms | 4.0 ms |" +
		" 0 | 20 ms | 20 ms | 0.0 ms | 0.0 ms |\n" +
		"| two | 1 | 7.0 ms | 7.0 ms | 6.0 ms | 6.0 ms |" + none +
		"| whole run: 206 calls each | 3 | 15 ms | 15000 ms | 6.0 ms | 6.0 ms |" +
		" 0 | 20 ms | 20 ms | 0.0 ms | 0.0 ms |\n"
	if rows != want {
		t.Errorf("have\n%swant\n%s", rows, want)
	}
	const wantErrs = "calltable: bookservice: 2 × a\ncalltable: bookservice: 1 × early\n"
	if errs.String() != wantErrs {
		t.Errorf("have errors %s, want %s", &errs, wantErrs)
	}
	p99, longest := m.results(ours)[1].later.p99()
	if p99 != 14_900*time.Microsecond || longest != 15*time.Millisecond {
		t.Errorf("have a 99th percentile of %v and %v at most", p99, longest)
	}
}

func TestBadArguments(t *testing.T) {
	for want, args := range map[string][]string{
		"-time 5s: must be 30s to 1h":     {"-time", "5s"},
		"-time 2h0m0s: must be 30s to 1h": {"-time", "2h"},
		"-rate 0: must be 1 to 10000":     {"-rate", "0"},
		"-rate 10001: must be 1 to 10000": {"-rate", "10001"},
		`unexpected argument "500"`:       {"500"},
		"not defined: -all":               {"-all"},
	} {
		var out, errs strings.Builder
		code := run(t.Context(), args, &out, &errs)
		if code != 2 || out.Len() > 0 || !strings.Contains(errs.String(), want) {
			t.Errorf("%v: have status %d, %q and %q, want 2 and %q", args, code, &out, &errs, want)
		}
	}
}

// TestPlanLasts checks that the faults of the plan fill the time of the flag.
func TestPlanLasts(t *testing.T) {
	for _, total := range []time.Duration{minTime, time.Minute, maxTime} {
		p := planFor(total)
		sum := p.calm
		for _, f := range p.faults {
			sum += f.lasts
		}
		if sum != total || len(p.faults) != 8 {
			t.Errorf("have %d faults in %v, want 8 in %v", len(p.faults), sum, total)
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

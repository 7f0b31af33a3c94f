package main

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"bookservice/cmd/bookbench/internal/side"
	"bookservice/tracer/tracertest/testkit"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == side.RoleCollector { // of a run in a test
		os.Exit(runCollector())
	}
	os.Exit(m.Run())
}

// TestShort runs every row, with the race detector in all processes but go-zero's. It fails if
// calls of ours fail or spans of ours are wrong or lost, whatever the times are.
func TestShort(t *testing.T) {
	testkit.Slow(t)
	chart := filepath.Join(t.TempDir(), "chart.svg")
	var out, errs strings.Builder
	args := []string{"-short", "-callers", "16", "-svg", chart}
	if code := run(t.Context(), args, &out, &errs); code != 0 {
		t.Errorf("have status %d, want 0: %s", code, &errs)
	}
	t.Log(out.String())
	for _, r := range rows() {
		found := regexp.MustCompile(
			`(?m)^\| (\*\*)?` + regexp.QuoteMeta(r.name) + `(\*\*)? \|.* \| (.*) \|$`).
			FindStringSubmatch(out.String())
		switch {
		case found == nil:
			t.Errorf("%s has no line", r.name)
		case found[1] == "**" != r.ours:
			t.Errorf("%s: marked as ours: %v", r.name, found[1] == "**")
		case r.ours && found[3] != "":
			t.Errorf("%s: %s", r.name, found[3])
		}
	}
	checkXML(t, chart)
}

// checkXML fails the test if the file is not well-formed.
func checkXML(t *testing.T, name string) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for d := xml.NewDecoder(f); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// TestLists and TestSlow run the other measurements with two rows.
func TestLists(t *testing.T) {
	var out, errs strings.Builder
	args := []string{"-short", "-list", "30,2000", "-callers", "2", "-rows", "^ours, untraced"}
	if code := run(t.Context(), args, &out, &errs); code != 0 {
		t.Fatalf("have status %d, want 0: %s", code, &errs)
	}
	for _, want := range []string{
		"GetBookList of 30 books:", "GetBookList of 2000 books:", "| **ours, untraced** |",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("have\n%s\nwithout %q", &out, want)
		}
	}
}

func TestSlow(t *testing.T) {
	var out, errs strings.Builder
	args := []string{"-short", "-slow", "5ms", "-rows", "^ours, sampled, (zipkin, default|OTLP)"}
	if code := run(t.Context(), args, &out, &errs); code != 0 {
		t.Fatalf("have status %d, want 0: %s", code, &errs)
	}
	if n := strings.Count(out.String(), "| 0.0 % | 0.0 % |"); n != 2 {
		t.Errorf("have\n%s\nwant 2 rows without losses", &out)
	}
}

// build builds the programs of the plans until the end of the test.
func build(t *testing.T, plans ...plan) (files map[string]string) {
	t.Helper()
	files, remove, err := buildPrograms(t.Context(), plans)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(remove)
	return files
}

// ourPlan is a short run of the row whose name has this prefix.
func ourPlan(t *testing.T, prefix string) plan {
	t.Helper()
	for _, r := range rows() {
		if strings.HasPrefix(r.name, prefix) {
			p := plan{row: r, callers: 2, calls: 100, warm: 10}
			p.programs = build(t, p)
			return p
		}
	}
	t.Fatalf("no row begins with %q", prefix)
	return plan{}
}

// TestProblems makes runs whose calls fail, or whose spans are not those that were expected.
func TestProblems(t *testing.T) {
	for name, test := range map[string]struct {
		row    string
		change func(*plan)
		want   string // a pattern
		lost   float64
	}{
		"none": {"ours, sampled", func(*plan) {}, "^$", 0},
		"lost": {"ours, sampled", func(p *plan) { p.row.spans = 4 },
			"^220 of 440 spans lost$", 0.5},
		"too many": {"ours, sampled", func(p *plan) { p.row.spans = 1 },
			"^110 spans more than 110$", 0},
		"unexpected": {"ours, sampled", func(p *plan) { p.row.spans, p.row.share = 0, 0 },
			"^220 spans, want none$", 0},
		"share": {"ours, sampled", func(p *plan) { p.row.share = 0.01 },
			"^110 of 110 calls recorded, want 0.01 of them$", 0},
		// The catalogue of the whole server has two books.
		"failed": {"ours, whole client, untraced", func(p *plan) { p.books = 9 },
			"^110 of 110 calls failed: have 2 books, want 9", 0},
	} {
		t.Run(name, func(t *testing.T) {
			p := ourPlan(t, test.row)
			test.change(&p)
			s, err := p.run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if !regexp.MustCompile(test.want).MatchString(s.Problem) || s.Lost != test.lost {
				t.Errorf("have %q and %v lost, want %q and %v", s.Problem, s.Lost, test.want,
					test.lost)
			}
			if s.CPU <= 0 || s.Wall <= 0 || s.Allocs < 50 || s.Bytes < 1000 {
				t.Errorf("have %+v, want plausible figures", s)
			}
		})
	}
}

// A process that cannot start its row is an error of the run, not a sample.
func TestRunFails(t *testing.T) {
	p := ourPlan(t, "ours, untraced")
	p.row.name = "no such row"
	const want = `server: start: this program has no row that is named "no such row"`
	if _, err := p.run(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("have %v, want %q", err, want)
	}
}

// TestBadFlags checks that a wrong flag is one line and status 2, before anything starts.
func TestBadFlags(t *testing.T) {
	for want, args := range map[string]string{
		"-reps 0: must be 1 to 1000":                     "-reps 0",
		"-calls 1: must be 100 to 1000000":               "-calls 1",
		"-calls abc: must be 100 to 1000000":             "-calls abc",
		"-callers 16,x: must be 1 to 1000":               "-callers 16,x",
		"-callers 16,16: must be different numbers":      "-callers 16,16",
		"-callers 3: must not be set together with":      "-callers 3 -slow 1s",
		"-rows zz: must match one of these names: ":      "-rows zz",
		"-rows tutorial: must match one of these names:": "-slow 1s -rows tutorial",
		"-rows (: must be a regular expression: missing": "-rows (",
		`-rows "(\x01": must be a regular expression: `:  "-rows (\x01",
		"-slow 1ns: must be durations from 1ms to 10s":   "-slow 1ns",
		"-list 0: must be 1 to 100000":                   "-list 0",
		"-list 3: must not be set together with -slow":   "-slow 1s -list 3",
		"must be a file to write to":                     "-svg /no/such/folder/x.svg",
		"-svg x: must not be set together with":          "-svg x -slow 1s",
		`unexpected argument "all"`:                      "all",
		"not defined: -all":                              "-all",
	} {
		var out, errs strings.Builder
		code := run(t.Context(), strings.Fields(args), &out, &errs)
		if code != 2 || out.Len() > 0 || strings.Count(errs.String(), "\n") != 1 ||
			!strings.Contains(errs.String(), want) {
			t.Errorf("%v: have status %d, %q and %q, want 2 and a line with %q",
				args, code, &out, &errs, want)
		}
	}
	var out, errs strings.Builder
	if code := run(t.Context(), []string{"-h"}, &out, &errs); code != 0 ||
		!strings.Contains(errs.String(), "-svg") {
		t.Errorf("-h: have status %d and %q", code, &errs)
	}
}

// A fullDisk is an output that cannot be written.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

func TestTableThatIsLostIsAnError(t *testing.T) {
	testkit.Slow(t)
	args := []string{"-short", "-calls", "100", "-callers", "1", "-rows", "^ours, noop$"}
	interrupted, cancel := context.WithCancel(t.Context())
	cancel()
	for want, test := range map[string]struct {
		ctx context.Context
		out io.Writer
	}{
		"bookbench: no space left on device\n": {t.Context(), fullDisk{}},
		"bookbench: interrupted\n":             {interrupted, io.Discard},
	} {
		var errs strings.Builder
		code := run(test.ctx, args, test.out, &errs)
		if code != 1 || !strings.HasSuffix(errs.String(), want) {
			t.Errorf("have status %d and %q, want 1 and %q", code, &errs, want)
		}
	}
}

// A table that is interrupted has the complete repetitions, and an earlier chart stays.
func TestInterruptedTableHasCompleteRepetitions(t *testing.T) {
	testkit.Slow(t)
	chart := filepath.Join(t.TempDir(), "chart.svg")
	if err := os.WriteFile(chart, []byte("earlier"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, interrupt := context.WithCancel(t.Context())
	var out strings.Builder
	code := run(ctx, []string{"-reps", "1000", "-calls", "100", "-callers", "1",
		"-rows", "^ours, noop$", "-svg", chart},
		&out, after("repetition 2 of 1000 done", interrupt))
	if code != 1 || !strings.Contains(out.String(), "| **ours, noop** | ") {
		t.Errorf("have status %d and %q, want 1 and the table", code, &out)
	}
	if have, err := os.ReadFile(chart); err != nil || string(have) != "earlier" {
		t.Errorf("the chart is %q, %v, want the earlier one", have, err)
	}
}

// after returns a writer that calls do when a line with the text is written.
func after(text string, do func()) io.Writer {
	return writer(func(p []byte) {
		if strings.Contains(string(p), text) {
			do()
		}
	})
}

// A writer is called with what is written.
type writer func([]byte)

func (w writer) Write(p []byte) (int, error) {
	w(p)
	return len(p), nil
}

// A run whose context ends, as at an interrupt, ends and ends its processes.
func TestInterrupt(t *testing.T) {
	p := ourPlan(t, "ours, untraced")
	p.calls = 1 << 40
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	done := make(chan error)
	go func() {
		_, err := p.run(ctx)
		done <- err
	}()
	select {
	case err := <-done:
		if err == nil || ctx.Err() == nil {
			t.Errorf("have %v, want an error after the context has ended", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("the run has not ended")
	}
}

package output_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"bookservice/cmd/internal/output"
	"bookservice/tracer/tracertest/testkit"
)

// write writes one line.
func write(t *testing.T, w io.Writer, line string) {
	t.Helper()
	if n, err := fmt.Fprintln(w, line); n != len(line)+1 || err != nil {
		t.Fatalf("have %d, %v, want %d", n, err, len(line)+1)
	}
}

func TestALogWritesAllLines(t *testing.T) {
	defer goleak.VerifyNone(t)
	var file testkit.Buffer
	l := output.NewLog(&file)
	var want strings.Builder
	for i := range 10_000 {
		line := fmt.Sprint("line ", i)
		write(t, l, line)
		fmt.Fprintln(&want, line)
	}
	if err := l.Close(); err != nil || file.String() != want.String() || l.Lost() != 0 {
		t.Errorf("have %v, %d lost, and other lines than were written", err, l.Lost())
	}
	write(t, l, "late")
	if have := l.Lost(); have != 1 {
		t.Errorf("have %d lines lost after Close, want 1", have)
	}
}

// A blocked writer blocks until it is released.
type blocked struct {
	testkit.Buffer
	release chan struct{}
}

func (b *blocked) Write(p []byte) (int, error) {
	<-b.release
	return b.Buffer.Write(p)
}

// A log whose file is not written keeps 1 MiB. Then lines are lost, and their number is in the log.
func TestALogThatIsNotReadLosesLinesAndReportsThem(t *testing.T) {
	file := &blocked{release: make(chan struct{})}
	l := output.NewLog(file)
	line := strings.Repeat("x", 1<<10-1)
	for range 5 << 10 {
		write(t, l, line)
	}
	lost := l.Lost()
	if lost < 3<<10 || lost >= 4<<10+2 {
		t.Errorf("have %d of 5,120 lines of 1 KiB lost, want little less than 4,096", lost)
	}
	close(file.release)
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	written := strings.Count(file.String(), "x\n")
	report := regexp.MustCompile(`x\ntime=\S+ level=WARN msg="log lines lost" lines=(\d+)\n$`).
		FindStringSubmatch(file.String())
	if uint64(written)+lost != 5<<10 || report == nil || report[1] != fmt.Sprint(lost) {
		t.Errorf("have %d lines and the report %v, want %d lost", written, report, lost)
	}
}

// A failing writer fails while it is told to.
type failing struct {
	testkit.Buffer
	err chan error
}

func (f *failing) Write(p []byte) (int, error) {
	if err := <-f.err; err != nil {
		return 0, err
	}
	return f.Buffer.Write(p)
}

func TestALogThatFailsCountsTheLinesOnce(t *testing.T) {
	defer goleak.VerifyNone(t)
	full := errors.New("disk full")
	file := &failing{err: make(chan error)}
	l := output.NewLog(file)
	for i := range 3 {
		write(t, l, "lost")
		file.err <- full
		testkit.Eventually(t, "the line is lost", func() bool { return l.Lost() == uint64(i+1) })
	}
	<-l.Failed()
	write(t, l, "written")
	file.err <- nil
	if err := l.Close(); !errors.Is(err, full) {
		t.Errorf("have %v, want %v", err, full)
	}
	want := `^written\ntime=\S+ level=WARN msg="log lines lost" lines=3\n$`
	if !regexp.MustCompile(want).MatchString(file.String()) || l.Lost() != 3 {
		t.Errorf("have %d lost and %q, want %s", l.Lost(), file.String(), want)
	}
}

func TestCloseOfALogIsBounded(t *testing.T) {
	testkit.Slow(t)
	file := &blocked{release: make(chan struct{})}
	l := output.NewLog(file)
	write(t, l, "line")
	began := time.Now()
	_ = l.Close()
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("Close took %v, want 2s", took)
	}
	close(file.release)
}

// Results block as long as their context lasts. Then they fail.
func TestResultsAreNotLostWhileTheContextLasts(t *testing.T) {
	testkit.Slow(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	file := &blocked{release: make(chan struct{})}
	r := output.NewResults(ctx, file)
	done := make(chan error, 1)
	text := strings.Repeat("result\n", 20_000)
	go func() {
		_, err := io.WriteString(r, text)
		done <- err
	}()
	for range 3 {
		select {
		case err := <-done:
			t.Fatalf("have %v, want the write to wait", err)
		case file.release <- struct{}{}:
		}
	}
	cancel()
	if err := <-done; err == nil || !strings.Contains(err.Error(), "not read within 2s") {
		t.Errorf("have %v, want an error", err)
	}
	if _, err := io.WriteString(r, text); err == nil {
		t.Error("have a second write without an error")
	}
	close(file.release)
	if have := file.String(); !strings.HasPrefix(text, have) || len(have) < 3<<15 {
		t.Errorf("have %d bytes, want three chunks", len(have))
	}
}

func TestResultsReportAReaderThatIsGone(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	r.Close()
	_, err = io.WriteString(output.NewResults(t.Context(), w), "result\n")
	if !output.IsClosed(err) {
		t.Errorf("have %v, want the error of a closed pipe", err)
	}
	if output.IsClosed(errors.New("disk full")) || output.IsClosed(nil) {
		t.Error("have another error for a closed pipe")
	}
}

func TestControlCharactersAreEscaped(t *testing.T) {
	for in, want := range map[string]string{
		"plain\ttext\n":              "plain\ttext\n",
		"书 é 👩\u200d💻":               "书 é 👩\u200d💻",
		"\x00\x1b[2J\r\b\x7f":        `\u0000\u001b[2J\u000d\u0008\u007f`,
		"\u0080\u009b\u009f":         `\u0080\u009b\u009f`,
		"\u061c\u200e\u200f\u202a":   `\u061c\u200e\u200f\u202a`,
		"\u202e\u2066\u2069":         `\u202e\u2066\u2069`,
		"\u2028\u2029":               `\u2028\u2029`,
		"an invalid byte \x9b in it": "an invalid byte \ufffd in it",
	} {
		var file bytes.Buffer
		if _, err := io.WriteString(output.NewResults(t.Context(), &file), in); err != nil {
			t.Fatal(err)
		}
		log := output.NewLog(&file)
		_, _ = io.WriteString(log, in)
		if err := log.Close(); err != nil || file.String() != want+want {
			t.Errorf("%q: have %v, %q, want twice %q", in, err, file.String(), want)
		}
	}
	if have, want := output.Line("a\nb\tc\x1b"), `a\u000ab\u0009c\u001b`; have != want {
		t.Errorf("have %s, want %s", have, want)
	}
}

package shutdown_test

import (
	"bytes"
	"errors"
	"log/slog"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"bookservice/cmd/internal/shutdown"
)

func TestCloseInReverseOrder(t *testing.T) {
	var lines bytes.Buffer
	var closed []string
	s := shutdown.New(slog.New(slog.NewTextHandler(&lines, nil)))
	push := func(name string, err error) {
		s.Push(name, func() error {
			closed = append(closed, name)
			return err
		})
	}
	push("first", nil)
	push("second", errors.New("gone"))
	push("third", nil)
	s.Close()
	if want := []string{"third", "second", "first"}; !slices.Equal(closed, want) {
		t.Errorf("have %v closed, want %v: all, also after an error", closed, want)
	}
	have, want := lines.String(), ` level=WARN msg="close failed" part=second err=gone`+"\n"
	if !strings.HasSuffix(have, want) || strings.Count(have, "\n") != 1 {
		t.Errorf("have %q logged, want the error of the second part", have)
	}
	s.Close()
	push("fourth", nil)
	s.Close()
	if want := []string{"third", "second", "first", "fourth"}; !slices.Equal(closed, want) {
		t.Errorf("have %v closed, want %v: each part once", closed, want)
	}
}

// A part that pushes another one while it is closed has it closed next.
func TestPushDuringClose(t *testing.T) {
	var closed []string
	s := shutdown.New(slog.New(slog.DiscardHandler))
	s.Push("first", func() error { closed = append(closed, "first"); return nil })
	s.Push("second", func() error {
		closed = append(closed, "second")
		s.Push("third", func() error { closed = append(closed, "third"); return nil })
		return nil
	})
	s.Close()
	if want := []string{"second", "third", "first"}; !slices.Equal(closed, want) {
		t.Errorf("have %v closed, want %v", closed, want)
	}
}

// A part that does not close in time does not keep the parts below it open.
func TestAPartThatDoesNotClose(t *testing.T) {
	var lines bytes.Buffer
	s := shutdown.New(slog.New(slog.NewTextHandler(&lines, nil)))
	closed, release := false, make(chan struct{})
	s.Push("below", func() error { closed = true; return nil })
	s.PushWithin(50*time.Millisecond, "stuck", func() error { <-release; return nil })
	s.Close()
	close(release)
	want := `msg="close failed" part=stuck err="not closed after 50ms"`
	if !closed || !strings.Contains(lines.String(), want) {
		t.Errorf("have the part below closed: %v, and log %s, want true and %s",
			closed, lines.String(), want)
	}
}

// The limit of a part is never below its own, also if that is the largest duration.
func TestBeyond(t *testing.T) {
	const longest = time.Duration(math.MaxInt64)
	for _, limits := range [][]time.Duration{
		nil, {time.Second}, {time.Minute, time.Hour}, {longest}, {longest, longest},
		{longest, longest, longest}, {longest - time.Second, time.Second},
	} {
		have := shutdown.Beyond(limits...)
		for _, limit := range limits {
			if have < limit {
				t.Errorf("%v: have %v, want more than each", limits, have)
			}
		}
	}
	if have := shutdown.Beyond(time.Minute, time.Hour); have != time.Hour+65*time.Second {
		t.Errorf("have %v, want 1h1m5s", have)
	}
}

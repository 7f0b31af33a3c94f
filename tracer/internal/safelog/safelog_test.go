package safelog_test

import (
	"bytes"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bookservice/tracer/internal/safelog"
	"bookservice/tracer/tracertest/testkit"
)

// Records arrive in order, with their attributes and groups.
func TestRecordsArrive(t *testing.T) {
	var direct, safe bytes.Buffer
	opts := &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}
	for _, log := range []*slog.Logger{
		slog.New(slog.NewTextHandler(&direct, opts)),
		safelog.New(slog.New(slog.NewTextHandler(&safe, opts))),
	} {
		with := log.With("a", 1).WithGroup("g").With("b", 2)
		with.Info("one", "c", 3)
		log.Debug("not enabled")
		with.With("d", 4).Warn("two")
		log.Error("three")
		safelog.Flush(log, time.Minute)
	}
	if direct.String() != safe.String() {
		t.Errorf("have\n%swant\n%s", safe.String(), direct.String())
	}
}

// A handler that hangs blocks no caller. Flush waits for it no longer than the limit.
func TestHandlerHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var lines []string
		log := safelog.New(slog.New(testkit.LogFunc(func(r slog.Record) error {
			<-release
			lines = append(lines, r.Message)
			return nil
		})))
		const records = 3000
		for range records {
			log.Info("x")
		}
		start := time.Now()
		safelog.Flush(log, time.Second)
		if took := time.Since(start); took != time.Second {
			t.Errorf("have Flush return after %v, want 1 s", took)
		}
		close(release)
		safelog.Flush(log, time.Minute)
		n := len(lines)
		if n < 1000 || n > 1010 || !strings.Contains(strings.Join(lines, " "), "dropped") {
			t.Errorf("have %d lines, want 1,000 and one about dropped records", n)
		}
	})
}

// A handler that panics, ends its goroutine, or logs itself harms nothing.
func TestHandlerFails(t *testing.T) {
	var log *slog.Logger
	var have []string
	log = safelog.New(slog.New(testkit.LogFunc(func(r slog.Record) error {
		have = append(have, r.Message)
		switch r.Message {
		case "panic":
			panic("disk")
		case "exit":
			runtime.Goexit()
		case "again":
			log.Info("inner")
			safelog.Flush(log, time.Millisecond)
		}
		return nil
	})))
	log.Info("panic")
	log.Info("exit")
	log.Info("again")
	log.Info("last")
	safelog.Flush(log, time.Minute)
	if want := "panic exit again last inner"; strings.Join(have, " ") != want {
		t.Errorf("have %q, want %s", have, want)
	}
	if other := safelog.New(log); other != log {
		t.Error("have a logger in a logger")
	}
}

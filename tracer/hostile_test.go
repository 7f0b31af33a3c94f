package tracer_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/openzipkin/zipkin-go/model"

	"bookservice/tracer"
	"bookservice/tracer/delivery"
	"bookservice/tracer/finished"
	"bookservice/tracer/tracertest/testkit"
)

// Open and Close return in time whatever the log handler does: hang, panic, or call Close.
func TestCloseIsBoundedByAnyLogHandler(t *testing.T) {
	testkit.Slow(t)
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	var shared atomic.Pointer[io.Closer]
	for name, handle := range map[string]testkit.LogFunc{
		"hangs":  func(slog.Record) error { <-release; return nil },
		"panics": func(slog.Record) error { panic("disk") },
		"closes": func(slog.Record) error {
			if c := shared.Load(); c != nil {
				_ = (*c).Close()
			}
			return nil
		},
	} {
		for _, backend := range []string{"memory", "zipkin", "log", "file", "zipkin,log"} {
			t.Run(name+"/"+backend, func(t *testing.T) {
				c := config(backend)
				c.FlushTimeout, c.File.Path = 300*time.Millisecond, filepath.Join(t.TempDir(), "f")
				c.Delivery.Spool = t.TempDir()
				if err := os.WriteFile(filepath.Join(c.Delivery.Spool, "zipkin-json"), nil,
					0o600); err != nil { // something to log about
					t.Fatal(err)
				}
				tr, closer := open(t, c, tracer.WithLogger(slog.New(handle)))
				shared.Store(&closer)
				defer shared.Store(nil)
				tr.StartSpan("unfinished")
				tr.StartSpan("call").Finish()
				start := time.Now()
				_ = closer.Close()
				if took := time.Since(start); took > c.FlushTimeout+time.Second {
					t.Errorf("have Close return after %v", took)
				}
			})
		}
	}
}

// A backend of a third party may panic anywhere. It costs its own spans, and the others get theirs.
func TestPanicsOfOthersStayInside(t *testing.T) {
	testkit.Slow(t)
	z := &panickyReporter{}
	fails := func(name string, to tracer.Destination) tracer.Option {
		to.Spool = name
		return tracer.WithBackend(tracer.Backend{
			Name: name,
			Open: func(_ context.Context, s tracer.Settings) (tracer.Sink, error) {
				return s.Queue(to)
			},
		})
	}
	encode := func(b []byte, _ *finished.Span) []byte { return append(b, 'x') }
	send := func(context.Context, delivery.Batch) error { return nil }
	c := config("encode,send,close,reporter,memory")
	var m tracer.Metrics
	mem := &tracer.Memory{}
	var lines testkit.Buffer
	tr, closer := open(t, c, tracer.WithMetrics(&m), tracer.WithMemory(mem),
		tracer.WithLogger(slog.New(slog.NewTextHandler(&lines, nil))),
		fails("encode", tracer.Destination{
			Encode: func([]byte, *finished.Span) []byte { panic("encode") }, Send: send,
		}),
		fails("send", tracer.Destination{
			Encode: encode, Send: func(context.Context, delivery.Batch) error { panic("send") },
		}),
		fails("close", tracer.Destination{
			Encode: encode, Send: send, Close: func() { panic("close") },
		}),
		tracer.WithBackend(tracer.Backend{
			Name: "reporter",
			Open: func(_ context.Context, s tracer.Settings) (tracer.Sink, error) {
				return s.Reporter(z), nil
			},
		}))
	for range 3 {
		tr.StartSpan("call").Finish()
	}
	err := closer.Close()
	for _, want := range []string{"panic: close", "panic: reporter", "send"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("have error %v, want %q in it", err, want)
		}
	}
	if len(mem.Spans()) != 3 {
		t.Errorf("have %d spans in memory, want 3", len(mem.Spans()))
	}
	if s := m.Stats().Sinks["encode"]; s.DroppedBy["encoder panicked"] != 3 || s.Added != 3 {
		t.Errorf("have %+v, want 3 spans dropped", s)
	}
	if n := strings.Count(lines.String(), "encoder panicked"); n != 1 {
		t.Errorf("have log %s, want one line about the encoder", lines.String())
	}
	c.Backend = "whole"
	_, closer = open(t, c, tracer.WithTracer("whole",
		func(context.Context, tracer.Config) (opentracing.Tracer, io.Closer, error) {
			return opentracing.NoopTracer{}, closerFunc(func() error { panic("whole") }), nil
		}))
	if err := closer.Close(); err == nil || !strings.Contains(err.Error(), "panic: whole") {
		t.Errorf("have error %v, want the panic", err)
	}
}

type panickyReporter struct{}

func (*panickyReporter) Send(model.SpanModel) {}
func (*panickyReporter) Close() error         { panic("reporter") }

// The lock of the file backend is a regular file of this user, or Open fails at once.
func TestStrangeLockOfTheFileIsRefused(t *testing.T) {
	c := config("file")
	c.File.Path = filepath.Join(t.TempDir(), "spans")
	if err := os.Symlink("elsewhere", c.File.Path+".lock"); err != nil {
		t.Fatal(err)
	}
	_, _, err := tracer.Open(t.Context(), c, tracer.WithLogger(nil))
	if err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("have error %v, want one about the lock", err)
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(c.File.Path), "elsewhere")); !errors.Is(err,
		os.ErrNotExist) {
		t.Errorf("have %v, want no file elsewhere", err)
	}
}

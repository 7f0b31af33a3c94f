package tracer_test

import (
	"errors"
	"flag"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/openzipkin/zipkin-go/model"

	"bookservice/tracer"
	"bookservice/tracer/tracertest/testkit"
)

// setDefaultLogger makes [slog.Default] write to the returned buffer until the test ends.
func setDefaultLogger(t *testing.T) *testkit.Buffer {
	t.Helper()
	lines := &testkit.Buffer{}
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(lines, nil)))
	t.Cleanup(func() { slog.SetDefault(before) })
	return lines
}

// TestDefaultLoggerIsSlogDefault opens the backend log, and a backend that is down, without the
// option WithLogger.
func TestDefaultLoggerIsSlogDefault(t *testing.T) {
	lines := setDefaultLogger(t)
	c := config("log,zipkin")
	c.FlushTimeout = time.Second / 2
	c.Zipkin.URL = "http://" + testkit.ClosedAddr(t) + "/"
	tr, closer, err := tracer.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	tr.StartSpan("call").Finish()
	if err := closer.Close(); err == nil {
		t.Error("have no error of Close, want the span lost")
	}
	for _, want := range []string{"msg=span", "name=call", "level=WARN", "backend=zipkin"} {
		if !strings.Contains(lines.String(), want) {
			t.Errorf("have %q, want %s in it", lines.String(), want)
		}
	}
}

// TestNilLoggerLogsNothing opens the same backends with WithLogger(nil).
func TestNilLoggerLogsNothing(t *testing.T) {
	lines := setDefaultLogger(t)
	c := config("log,zipkin,mine")
	c.FlushTimeout = time.Millisecond
	c.Zipkin.URL = "http://" + testkit.ClosedAddr(t) + "/"
	panicking := reporterFunc{func(model.SpanModel) { panic("bad") }, func() error { return nil }}
	tr, closer := open(t, c, tracer.WithLogger(nil), withReporter(panicking, nil))
	tr.StartSpan("call").Finish()
	if err := closer.Close(); err == nil {
		t.Error("have no error of Close, want the span lost")
	}
	if have := lines.String(); have != "" {
		t.Errorf("have %q, want nothing logged", have)
	}
}

// TestLoggerReplacesSlogDefault checks that WithLogger replaces [slog.Default].
func TestLoggerReplacesSlogDefault(t *testing.T) {
	lines := setDefaultLogger(t)
	var own testkit.Buffer
	log := slog.New(slog.NewTextHandler(&own, nil))
	if err := sendOne(t, config("log"), tracer.WithLogger(log)); err != nil {
		t.Error(err)
	}
	if lines.String() != "" || !strings.Contains(own.String(), "name=call") {
		t.Errorf("have %q and %q, want the span in the latter", lines.String(), own.String())
	}
}

// Arguments that are nil cause an error or have a default; they do not panic.
func TestNilArguments(t *testing.T) {
	c := config("memory")
	tr, closer := open(t, c, nil, tracer.WithMemory(nil), tracer.WithMetrics(nil),
		tracer.WithLogger(nil))
	tr.StartSpan("call").Finish()
	if err := errors.Join(closer.Close(), c.ReadEnvironment(nil)); err != nil {
		t.Error(err)
	}
	for name, opt := range map[string]tracer.Option{
		"tracer":  tracer.WithTracer("other", nil),
		"backend": tracer.WithBackend(tracer.Backend{Name: "other"}),
	} {
		_, _, err := tracer.Open(t.Context(), config("other"), opt)
		if err == nil || !strings.HasPrefix(err.Error(), "tracer: other: ") {
			t.Errorf("%s: have error %v, want one that names the backend", name, err)
		}
	}
}

// A prefix that package flag does not accept is an error.
func TestBadFlagPrefix(t *testing.T) {
	for _, prefix := range []string{"-x", "a=b"} {
		fs := flag.NewFlagSet("", flag.ContinueOnError)
		c := tracer.DefaultConfig()
		if err := c.RegisterFlags(fs, prefix); err == nil ||
			!strings.Contains(err.Error(), strconv.Quote(prefix)) {
			t.Errorf("have error %v, want one that names the prefix %q", err, prefix)
		}
	}
}

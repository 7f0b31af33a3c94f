package tracer_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/openzipkin/zipkin-go/model"

	"bookservice/tracer"
	"bookservice/tracer/delivery"
	"bookservice/tracer/finished"
	"bookservice/tracer/tracertest/receiver"
	"bookservice/tracer/tracertest/testkit"
)

// TestNoopIsOpenTracingsNoopTracer opens the default backend.
func TestNoopIsOpenTracingsNoopTracer(t *testing.T) {
	tr, closer, err := tracer.Open(t.Context(), tracer.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	if tr != (opentracing.NoopTracer{}) {
		t.Errorf("have %T, want opentracing.NoopTracer", tr)
	}
	if err := closer.Close(); err != nil {
		t.Error(err)
	}
}

// TestNoopRequiresNoOtherSetting opens noop from an otherwise empty Config.
func TestNoopRequiresNoOtherSetting(t *testing.T) {
	tr, closer, err := tracer.Open(t.Context(), tracer.Config{Backend: "noop"})
	if err != nil || tr != (opentracing.NoopTracer{}) || closer.Close() != nil {
		t.Errorf("have %T, %v", tr, err)
	}
}

// TestOpenNeverSetsTheGlobalTracer compares the global tracer before and after Open.
func TestOpenNeverSetsTheGlobalTracer(t *testing.T) {
	for _, backend := range []string{"noop", "memory", "zipkin"} {
		before := opentracing.GlobalTracer()
		_, closer := open(t, config(backend))
		if opentracing.GlobalTracer() != before || opentracing.IsGlobalTracerRegistered() {
			t.Errorf("%s: have global tracer %T, want %T",
				backend, opentracing.GlobalTracer(), before)
		}
		if err := closer.Close(); err != nil {
			t.Error(err)
		}
	}
}

// silentListener accepts connections in the kernel's backlog, and never answers.
func silentListener(t *testing.T) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

// TestOpenDoesNotWaitForTheDestination opens tracers whose collector does not exist, refuses
// connections, or does not answer.
func TestOpenDoesNotWaitForTheDestination(t *testing.T) {
	for name, addr := range map[string]string{
		"unknown host": "zipkin.invalid:9411",
		"refuses":      testkit.ClosedAddr(t),
		"silent":       silentListener(t),
	} {
		c := config("zipkin")
		c.Zipkin.URL = "http://" + addr + "/api/v2/spans"
		start := time.Now()
		_, closer := open(t, c)
		if err := closer.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%s: Open and Close took %v without a span", name, took)
		}
	}
}

// TestBackendThatIsDownDoesNotAffectTheOthers lists a backend that is down first.
func TestBackendThatIsDownDoesNotAffectTheOthers(t *testing.T) {
	c := fileConfig(t)
	c.Backend, c.FlushTimeout = "zipkin,memory,file", 200*time.Millisecond
	c.Zipkin.URL = "http://" + testkit.ClosedAddr(t) + "/api/v2/spans"
	spans := &tracer.Memory{}
	tr, closer := open(t, c, tracer.WithMemory(spans))
	for range 10 {
		tr.StartSpan("call").Finish()
	}
	err := closer.Close()
	const want = "tracer: zipkin "
	if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "\n") {
		t.Errorf("have %v, want one error of zipkin", err)
	}
	if n := len(spans.Spans()); n != 10 {
		t.Errorf("memory: have %d spans, want 10", n)
	}
	if n := len(readSpans(t, c.File.Path)); n != 10 {
		t.Errorf("file: have %d spans, want 10", n)
	}
}

// hangingQueue is a backend over a queue whose destination hangs.
func hangingQueue(name string) tracer.Option {
	return tracer.WithBackend(tracer.Backend{
		Name: name,
		Open: func(_ context.Context, s tracer.Settings) (tracer.Sink, error) {
			return s.Queue(tracer.Destination{
				Encode: func(b []byte, s *finished.Span) []byte {
					return append(b, s.Model.Name...)
				},
				Send: func(ctx context.Context, _ delivery.Batch) error {
					<-ctx.Done()
					return ctx.Err()
				},
			})
		},
	})
}

// TestTracingNeverBlocksTheCaller finishes spans while a queue's destination and a reporter hang.
// The bubble's clock advances only if the caller is blocked.
func TestTracingNeverBlocksTheCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		hanging := reporterFunc{
			func(model.SpanModel) { <-release }, func() error { return nil },
		}
		c := config("queue,mine")
		c.Delivery.QueueBytes = 1 << 20
		tr, closer := open(t, c, hangingQueue("queue"), withReporter(hanging, nil))
		start, name := time.Now(), strings.Repeat("x", 1000)
		for range 20000 { // more than both queues hold
			tr.StartSpan(name).Finish()
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("finishing spans took %v, want no time", took)
		}
		err := closer.Close()
		if took := time.Since(start); took != c.FlushTimeout || err == nil {
			t.Errorf("have %v after %v, want an error after the flush timeout", err, took)
		}
		for range 20000 {
			tr.StartSpan(name).Finish()
		}
		if took := time.Since(start); took != c.FlushTimeout {
			t.Errorf("after Close: have %v, want no more than the flush timeout", took)
		}
		close(release)
	})
}

// TestSpansThatFinishAfterCloseAreDropped closes a tracer of several backends. The Memory still
// holds the spans of another tracer.
func TestSpansThatFinishAfterCloseAreDropped(t *testing.T) {
	spans := &tracer.Memory{}
	collector := receiver.NewZipkin(t, 0)
	c := config("zipkin,memory,log")
	c.Zipkin.URL = collector.URL
	var lines testkit.Buffer
	m := &tracer.Metrics{}
	log := slog.New(slog.NewJSONHandler(&lines, nil))
	tr, closer := open(t, c,
		tracer.WithMemory(spans), tracer.WithLogger(log), tracer.WithMetrics(m))
	other, _ := open(t, config("memory"), tracer.WithMemory(spans))
	late := tr.StartSpan("late")
	tr.StartSpan("in time").Finish()
	if err := closer.Close(); err != nil {
		t.Fatal(err)
	}
	late.Finish()
	tr.StartSpan("later").Finish()
	_ = closer.Close()
	other.StartSpan("of another").Finish()
	have := spans.Spans()
	if len(have) != 2 || have[0].Name != "in time" || have[1].Name != "of another" {
		t.Errorf("memory: have %v", have)
	}
	if sent := collector.Spans(t); len(sent) != 1 || sent[0].Name != "in time" {
		t.Errorf("zipkin: have %v", sent)
	}
	if logged := loggedSpans(t, lines.String()); len(logged) != 1 || logged[0].Name != "in time" {
		t.Errorf("log: have %v", logged)
	}
	for _, sink := range []string{"zipkin", "log"} {
		if n := m.Stats().Sinks[sink].DroppedBy[delivery.Closed]; n != 2 {
			t.Errorf("%s: have %d spans dropped after Close, want 2", sink, n)
		}
	}
}

// TestCloseErrorCountsLostSpans closes a tracer twice whose collector refuses connections.
func TestCloseErrorCountsLostSpans(t *testing.T) {
	c := config("zipkin")
	c.FlushTimeout = 50 * time.Millisecond
	addr := testkit.ClosedAddr(t)
	c.Zipkin.URL = "http://u:s3cret@" + addr + "/api/v2/spans"
	tr, closer := open(t, c)
	tr.StartSpan("one").Finish()
	tr.StartSpan("two").Finish()
	want := "tracer: zipkin http://xxxxx@" + addr + "/api/v2/spans: 2 spans lost: "
	for range 2 {
		if err := closer.Close(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("have %v, want %s…", err, want)
		}
	}
	tr.StartSpan("late").Finish()
}

// TestSinksAreClosedIfAnotherBackendDoesNotOpen opens a backend that works and one that does not.
func TestSinksAreClosedIfAnotherBackendDoesNotOpen(t *testing.T) {
	b := &lineBackend{target: "x"}
	broken := withReporter(reporterFunc{
		func(model.SpanModel) {}, func() error { return nil },
	}, errors.New("no key"))
	_, _, err := tracer.Open(t.Context(), config("lines,mine"), b.backend(), broken)
	if err == nil || err.Error() != "tracer: mine: no key" || b.closed != 1 {
		t.Errorf("have %v, and %d sinks closed, want the error and 1", err, b.closed)
	}
}

// closerFunc is an [io.Closer] of a function.
type closerFunc func() error

func (f closerFunc) Close() error { return f() }

// withMock adds the tracer "mock", which is noop with the closer.
func withMock(closer io.Closer, err error) tracer.Option {
	return tracer.WithTracer("mock",
		func(context.Context, tracer.Config) (opentracing.Tracer, io.Closer, error) {
			return opentracing.NoopTracer{}, closer, err
		})
}

// TestWholeTracerIsClosedOnce closes tracers of another make: one without a closer, one whose
// closer fails, and one that does not open.
func TestWholeTracerIsClosedOnce(t *testing.T) {
	c := config("mock")
	if _, closer := open(t, c, withMock(nil, nil)); closer.Close() != nil {
		t.Error("have an error without a closer")
	}
	full, closed := errors.New("disk full"), 0
	failing := closerFunc(func() error { closed++; return full })
	_, closer := open(t, c, withMock(failing, nil))
	for range 2 {
		if err := closer.Close(); !errors.Is(err, full) {
			t.Errorf("have %v, want %v", err, full)
		}
	}
	if closed != 1 {
		t.Errorf("have %d calls of Close, want 1", closed)
	}
	_, _, err := tracer.Open(t.Context(), c, withMock(nil, full))
	if !errors.Is(err, full) || err.Error() != "tracer: mock: disk full" {
		t.Errorf("Open: have %v", err)
	}
}

// TestWholeTracerIsAbandonedAfterTheFlushTimeout closes a tracer whose Close hangs.
func TestWholeTracerIsAbandonedAfterTheFlushTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		hanging := closerFunc(func() error { <-release; return nil })
		c := config("mock")
		c.FlushTimeout = 3 * time.Second
		_, closer := open(t, c, withMock(hanging, nil))
		start := time.Now()
		const want = "tracer: mock: not closed within 3s"
		for range 2 {
			if err := closer.Close(); err == nil || err.Error() != want {
				t.Errorf("have %v, want %s", err, want)
			}
		}
		if took := time.Since(start); took != c.FlushTimeout {
			t.Errorf("Close took %v, want the flush timeout once", took)
		}
		close(release)
	})
}

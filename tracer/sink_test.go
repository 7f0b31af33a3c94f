package tracer_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/openzipkin/zipkin-go/model"
	"github.com/openzipkin/zipkin-go/reporter"

	"bookservice/tracer"
)

// sinkFunc is a reporter of two functions.
type sinkFunc struct {
	send  func(model.SpanModel)
	close func() error
}

func (s sinkFunc) Send(m model.SpanModel) { s.send(m) }
func (s sinkFunc) Close() error           { return s.close() }

func withSink(r reporter.Reporter, err error) tracer.Option {
	return tracer.WithSink("mine", func(context.Context, tracer.Config) (reporter.Reporter, error) { return r, err })
}

func openMine(t *testing.T, r reporter.Reporter) (opentracing.Tracer, io.Closer) {
	t.Helper()
	tr, closer, err := tracer.Open(t.Context(), config("mine"), withSink(r, nil), tracer.WithLogger(quiet))
	if err != nil {
		t.Fatal(err)
	}
	return tr, closer
}

// TestASinkThatHangsHoldsUpNobody finishes more spans than may wait, and closes.
func TestASinkThatHangsHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		closed := 0
		tr, closer := openMine(t, sinkFunc{func(model.SpanModel) { <-release }, func() error { closed++; return nil }})
		for range 20000 {
			tr.StartSpan("call").Finish()
		}
		start := time.Now()
		err := closer.Close()
		if err == nil || !strings.Contains(err.Error(), "tracer: mine: 20000 spans lost: not closed within the flush timeout") {
			t.Errorf("have %v, want 20000 spans lost", err)
		}
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("Close took %v, want the flush timeout", took)
		}
		close(release)
		synctest.Wait()
		if err := closer.Close(); closed != 1 || err == nil {
			t.Errorf("have %d closes and %v, want one, and what was lost", closed, err)
		}
	})
}

// TestASinkThatHangsIsWarnedOf has a log that is told every 10 s, and not for every span.
func TestASinkThatHangsIsWarnedOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lines strings.Builder
		release := make(chan struct{})
		tr, closer, err := tracer.Open(t.Context(), config("mine"), tracer.WithLogger(slog.New(slog.NewTextHandler(&lines, nil))),
			withSink(sinkFunc{func(model.SpanModel) { <-release }, func() error { return nil }}, nil))
		if err != nil {
			t.Fatal(err)
		}
		for range 10101 { // one is with the sink, 10000 wait
			tr.StartSpan("call").Finish()
			synctest.Wait() // the first has left the queue
		}
		<-time.After(25 * time.Second)
		synctest.Wait()
		if have := lines.String(); strings.Count(have, "\n") != 1 || !strings.Contains(have, "dropped=100") || !strings.Contains(have, "backend=mine") {
			t.Errorf("have %q, want one line that says 100", have)
		}
		close(release)
		if err := closer.Close(); err == nil || !strings.Contains(err.Error(), "100 spans lost") {
			t.Errorf("have %v, want 100 spans lost", err)
		}
	})
}

func TestASinkThatPanicsCostsThatSpan(t *testing.T) {
	var got []string
	tr, closer := openMine(t, sinkFunc{func(m model.SpanModel) {
		if m.Name == "bad" {
			panic("bad")
		}
		got = append(got, m.Name)
	}, func() error { return errors.New("unhappy") }})
	for _, name := range []string{"good", "bad", "fine"} {
		tr.StartSpan(name).Finish()
	}
	err := closer.Close()
	if err == nil || err.Error() != "tracer: mine: 1 spans lost: unhappy" || strings.Join(got, " ") != "good fine" {
		t.Errorf("have %v and %v", got, err)
	}
}

func TestNamesOfBackendsThatAreNotOurs(t *testing.T) {
	foreign := func(context.Context, tracer.Config) (opentracing.Tracer, io.Closer, error) {
		return opentracing.NoopTracer{}, nil, nil
	}
	for name, test := range map[string]struct {
		backend string
		opts    []tracer.Option
		want    string
	}{
		"taken":         {"zipkin", []tracer.Option{tracer.WithBackend("zipkin", foreign)}, `tracer: option for backend "zipkin": the name must not be empty, taken, or have commas`},
		"comma":         {"zipkin", []tracer.Option{tracer.WithBackend("a,b", foreign)}, `tracer: option for backend "a,b": the name must not be empty, taken, or have commas`},
		"unknown":       {"yours", []tracer.Option{withSink(nil, nil)}, `tracer: unknown backend "yours" (have file, log, memory, mine, noop, otlp, zipkin)`},
		"not alone":     {"mock,log", []tracer.Option{tracer.WithBackend("mock", foreign)}, `tracer: backend "mock,log": mock stands alone`},
		"does not open": {"mine", []tracer.Option{withSink(nil, errors.New("no key"))}, `tracer: mine: no key`},
		"twice":         {"log,log", nil, `tracer: backend "log,log": lists log twice`},
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := tracer.Open(t.Context(), config(test.backend), test.opts...); err == nil || err.Error() != test.want {
				t.Errorf("have %v, want %s", err, test.want)
			}
		})
	}
}

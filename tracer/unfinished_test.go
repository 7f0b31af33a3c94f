package tracer_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"

	"bookservice/tracer"
	"bookservice/tracer/finished"
	"bookservice/tracer/tracertest/testkit"
)

// TestCloseSaysWhatIsUnfinished leaves spans unfinished. Close logs their number and the name and
// age of the oldest one, once, and counts them.
func TestCloseSaysWhatIsUnfinished(t *testing.T) {
	for name, test := range map[string]struct {
		do   func(*served)
		want string // part of the line; empty if there is none
		n    uint64
	}{
		"none": {func(r *served) { r.tr.StartSpan("call").Finish() }, "", 0},
		"one": {func(r *served) {
			r.tr.StartSpan("start").SetOperationName("query")
			after(2 * time.Second)
		}, "spans=1 oldest=query age=2s", 1},
		"with finished children": {func(r *served) {
			root := r.tr.StartSpan("root")
			after(time.Second)
			call := startKind(r.tr, "call", "client", root)
			r.finish("inner", "", call)
			after(time.Second)
			r.tr.StartSpan("leaf")
		}, "spans=3 oldest=root age=2s", 3},
		"a request that goes on": {func(r *served) {
			r.finish("inner", "server", r.start("outer", "server"))
		}, "spans=1 oldest=outer age=0s", 1},
		"abandoned, and its request has ended": {func(r *served) {
			r.finish("inner", "server", r.start("outer", "server"))
			r.end()
		}, "", 0},
		"abandoned without a child, and its request has ended": {
			func(r *served) { r.start("outer", "server"); r.end() }, "", 0},
		"go-kit's abandoned span without a context": {func(r *served) {
			r.finish("inner", "server", startServer(r.tr, "outer", nil))
		}, "", 0},
		"not sampled": {func(r *served) {
			r.tr.StartSpan("early", opentracing.Tag{Key: "sampling.priority", Value: 0})
			ext.SamplingPriority.Set(r.tr.StartSpan("late"), 0)
		}, "", 0},
		"more than are listed": {func(r *served) {
			for range 20000 {
				r.tr.StartSpan("leak")
			}
		}, "spans=20000 oldest=leak age=0s", 20000},
		"the oldest started before others that finished": {func(r *served) {
			a := r.tr.StartSpan("a")
			r.tr.StartSpan("b")
			after(time.Second)
			r.tr.StartSpan("c")
			a.Finish()
		}, "spans=2 oldest=b age=1s", 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var lines testkit.Buffer
				var m tracer.Metrics
				log := slog.New(slog.NewTextHandler(&lines, nil))
				tr, closer := open(t, config("memory"), tracer.WithLogger(log),
					tracer.WithMetrics(&m))
				r := &served{tr: tr}
				r.ctx, r.end = context.WithCancel(t.Context())
				defer r.end()
				test.do(r)
				for range 2 {
					if err := closer.Close(); err != nil {
						t.Error(err)
					}
				}
				have := lines.String()
				if test.want == "" && have != "" || strings.Count(have, "\n") > 1 ||
					!strings.Contains(have, test.want) {
					t.Errorf("have log %q, want one line with %q", have, test.want)
				}
				if test.want != "" && !strings.Contains(have, "level=WARN") {
					t.Errorf("have log %q, want a warning", have)
				}
				if n := m.Stats().Unfinished; n != test.n {
					t.Errorf("have %d counted, want %d", n, test.n)
				}
			})
		})
	}
}

// TestALeakDoesNotEvictSpansWithChildren leaks spans without children while a span that others name
// is unfinished. That one is reported as its owner finishes it.
func TestALeakDoesNotEvictSpansWithChildren(t *testing.T) {
	var m tracer.Metrics
	tr, spans := memory(t, nil, tracer.WithMetrics(&m))
	early, late := tr.StartSpan("early"), tr.StartSpan("late")
	startKind(tr, "child", "", early).Finish()
	for range 100_000 {
		tr.StartSpan("leak")
	}
	startKind(tr, "late child", "", late).Finish()
	early.SetTag("k", "v").Finish()
	late.SetTag("k", "v").Finish()
	have := spans.Spans()
	for name, want := range map[string]string{"child": "early", "late child": "late"} {
		isBelow(t, spanNamed(t, have, name), spanNamed(t, have, want))
	}
	for _, name := range []string{"early", "late"} {
		s := spanNamed(t, have, name)
		if s.Tags["k"] != "v" || s.Tags["unfinished"] != "" {
			t.Errorf("%s: have tags %v, want the one that was set before Finish", name, s.Tags)
		}
	}
	if n := m.Stats().Unfinished; n != 0 {
		t.Errorf("have %d spans counted as unfinished, want none before Close", n)
	}
}

// A tree is a random tree of operations in one process, some of which are abandoned.
type tree struct {
	*rand.Rand
	tr    opentracing.Tracer
	depth int
}

// run runs an operation and those below it. It finishes its span at a random moment, or never.
func (w *tree) run(ctx context.Context, depth int) {
	kinds := []string{"server", "server", "server", "client", "", "consumer", "producer"}
	opts := []opentracing.StartSpanOption{
		opentracing.Tag{Key: "span.kind", Value: kinds[w.IntN(len(kinds))]},
	}
	if w.IntN(20) == 0 {
		opts = append(opts, opentracing.Tag{Key: "sampling.priority", Value: w.IntN(2)})
	}
	if parent := opentracing.SpanFromContext(ctx); parent != nil {
		opts = append(opts, opentracing.ChildOf(parent.Context()))
	}
	s := w.tr.StartSpan(fmt.Sprint("depth ", depth), opts...)
	end := func() {}
	switch w.IntN(4) {
	case 0:
		ctx, end = context.WithCancel(ctx)
	case 1:
		ctx = context.WithoutCancel(ctx)
	}
	defer end()
	if w.IntN(8) > 0 {
		ctx = opentracing.ContextWithSpan(ctx, s)
	}
	moment := w.IntN(4)
	do := func(now int) {
		if now == moment {
			if w.IntN(20) == 0 {
				s.SetTag("sampling.priority", 0)
			}
			s.Finish()
		}
	}
	do(0)
	if w.IntN(10) == 0 {
		_ = w.tr.Inject(s.Context(), opentracing.TextMap, opentracing.TextMapCarrier{})
	}
	var later []func()
	for range w.IntN(w.depth + 1 - depth) {
		child := func() { w.run(ctx, depth+1) }
		if w.IntN(4) == 0 { // it outlives the operation
			later = append(later, child)
			continue
		}
		child()
		if w.IntN(3) == 0 {
			<-time.After(time.Duration(w.IntN(3000)) * time.Millisecond)
		}
	}
	do(1)
	end()
	<-time.After(time.Duration(w.IntN(20)) * time.Second)
	do(2) // 3 is never
	for _, child := range later {
		child()
	}
}

// TestNoOrphansInRandomTrees runs random trees of operations concurrently, and closes the tracer at
// a random time. Whatever was finished, no span names a parent that was not reported, and no span
// is reported twice.
func TestNoOrphansInRandomTrees(t *testing.T) {
	for seed := range uint64(150) {
		synctest.Test(t, func(t *testing.T) {
			all := newIDs(1 << 12)
			random := rand.New(rand.NewPCG(seed, 10))
			tr, closer := open(t, config("ids"), all.backend())
			var trees sync.WaitGroup
			for i := range uint64(8) {
				w := &tree{rand.New(rand.NewPCG(seed, i)), tr, 5}
				trees.Go(func() { w.run(t.Context(), 0) })
			}
			closes := time.Duration(random.IntN(100)) * time.Second
			if seed%2 == 0 {
				trees.Wait()
			}
			<-time.After(closes)
			if err := closer.Close(); err != nil {
				t.Error(err)
			}
			all.check(t)
			trees.Wait()
			if t.Failed() {
				t.Logf("seed %d", seed)
			}
		})
		if t.Failed() {
			break
		}
	}
}

// TestNoOrphansUnderLoad abandons and finishes spans from many goroutines while the lists of
// unfinished spans are full, and closes the tracer meanwhile.
func TestNoOrphansUnderLoad(t *testing.T) {
	all := newIDs(1 << 17)
	tr, closer := open(t, config("ids"), all.backend())
	root := tr.StartSpan("root")
	var callers sync.WaitGroup
	for i := range uint64(8) {
		random := rand.New(rand.NewPCG(1, i))
		callers.Go(func() {
			for range 8000 {
				ctx, end := context.WithCancel(context.Background())
				outer := startServer(tr, "outer", root)
				opentracing.ContextWithSpan(ctx, outer)
				kinds := []ext.SpanKindEnum{"server", "client", ""}
				inner := startKind(tr, "inner", kinds[random.IntN(3)], outer)
				if random.IntN(2) == 0 {
					end()
				}
				if random.IntN(8) > 0 {
					inner.Finish()
				}
				if random.IntN(8) == 0 {
					outer.Finish()
				}
				end()
			}
		})
	}
	<-time.After(300 * time.Millisecond)
	if err := closer.Close(); err != nil {
		t.Error(err)
	}
	all.check(t)
	callers.Wait()
}

// TestCloseWaitsForSpansThatAreBeingFinished closes the tracer while another goroutine finishes a
// span that its child names. The span is reported.
func TestCloseWaitsForSpansThatAreBeingFinished(t *testing.T) {
	all := newIDs(2)
	begun := make(chan struct{})
	slow := tracer.WithBackend(tracer.Backend{
		Name: "ids",
		Open: func(_ context.Context, s tracer.Settings) (tracer.Sink, error) {
			return s.Queue(tracer.Destination{
				Encode: func(b []byte, s *finished.Span) []byte {
					if s.Model.Name == "outer" {
						close(begun)
						<-time.After(100 * time.Millisecond)
					}
					return encodeIDs(b, s)
				},
				Send: all.send,
			})
		},
	})
	tr, closer := open(t, config("ids"), slow)
	outer := tr.StartSpan("outer")
	startKind(tr, "inner", "", outer).Finish()
	var finish sync.WaitGroup
	finish.Go(outer.Finish)
	<-begun
	if err := closer.Close(); err != nil {
		t.Error(err)
	}
	finish.Wait()
	all.check(t)
	if n := len(all.spans); n != 2 {
		t.Errorf("have %d spans, want 2", n)
	}
}

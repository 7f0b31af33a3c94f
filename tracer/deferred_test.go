package tracer_test

import (
	"context"
	"encoding/binary"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opentracing/opentracing-go"
	"github.com/openzipkin/zipkin-go/model"

	"bookservice/tracer"
	"bookservice/tracer/delivery"
	"bookservice/tracer/finished"
)

// TestServerSpansInAnyOrder nests three SERVER spans and finishes them in different orders. Each
// finished span is reported once, and so is its reported parent.
func TestServerSpansInAnyOrder(t *testing.T) {
	type span = opentracing.Span
	for name, finish := range map[string]func(outer, middle, inner span){
		"inner first":  func(o, m, i span) { i.Finish(); m.Finish(); o.Finish() },
		"outer first":  func(o, m, i span) { o.Finish(); m.Finish(); i.Finish() },
		"middle first": func(o, m, i span) { m.Finish(); o.Finish(); i.Finish() },
		"middle late":  func(o, m, i span) { i.Finish(); after(time.Hour); m.Finish(); o.Finish() },
		"outer late":   func(o, m, i span) { i.Finish(); m.Finish(); after(time.Hour); o.Finish() },
		"inner late":   func(o, m, i span) { m.Finish(); o.Finish(); after(time.Hour); i.Finish() },
		"inner is no SERVER span": func(o, m, i span) {
			i.SetTag("span.kind", "client").Finish()
			m.Finish()
			o.Finish()
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr, spans := memory(t, nil)
				outer := startServer(tr, "outer", nil)
				middle := startServer(tr, "middle", outer)
				finish(outer, middle, startServer(tr, "inner", middle))
				want := map[string]string{"outer": "-", "middle": "outer", "inner": "middle"}
				have := parents(spans.Spans())
				if !cmp.Equal(want, have) || len(spans.Spans()) != len(want) {
					t.Errorf("have %v in %d spans, want %v", have, len(spans.Spans()), want)
				}
			})
		})
	}
}

// TestOnlyServerSpansOfServerParentsAreDeferred checks that other spans are reported at once.
func TestOnlyServerSpansOfServerParentsAreDeferred(t *testing.T) {
	for name, test := range map[string]struct{ outer, inner string }{
		"CLIENT below SERVER":   {"server", "client"},
		"SERVER below CLIENT":   {"client", "server"},
		"no kind below SERVER":  {"server", ""},
		"SERVER below no kind":  {"", "server"},
		"CONSUMER below SERVER": {"server", "consumer"},
	} {
		t.Run(name, func(t *testing.T) {
			tr, spans := memory(t, nil)
			outer := tr.StartSpan("outer", opentracing.Tag{Key: "span.kind", Value: test.outer})
			tr.StartSpan("inner", opentracing.Tag{Key: "span.kind", Value: test.inner},
				opentracing.ChildOf(outer.Context())).Finish()
			if have := len(spans.Spans()); have != 1 {
				t.Errorf("have %d spans before the outer one finishes, want 1", have)
			}
		})
	}
}

// TestReportingIsDelayedForAboutASecond checks when a deferred span is reported, whether or not the
// request ends.
func TestReportingIsDelayedForAboutASecond(t *testing.T) {
	for name, ends := range map[string]bool{"request ends": true, "request goes on": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr, spans := memory(t, nil)
				ctx, end := context.WithCancel(t.Context())
				defer end()
				outer := startServer(tr, "outer", nil)
				opentracing.ContextWithSpan(ctx, outer)
				after(100 * time.Millisecond)
				startServer(tr, "inner", outer).Finish()
				if ends {
					end()
				}
				after(time.Second - 1)
				if have := len(spans.Spans()); have != 0 {
					t.Errorf("have %d spans before the second has passed, want none", have)
				}
				after(250 * time.Millisecond)
				if have := len(spans.Spans()); have != 1 {
					t.Errorf("have %d spans after 1.25 s, want 1", have)
				}
			})
		})
	}
}

// TestReportingIsDelayedAtMostUntilClose closes the tracer while spans are deferred.
func TestReportingIsDelayedAtMostUntilClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spans := &tracer.Memory{}
		tr, closer := open(t, config("memory"), tracer.WithMemory(spans))
		root := tr.StartSpan("root")
		outer := startServer(tr, "outer", root)
		startServer(tr, "inner", outer).Finish()
		root.Finish()
		start := time.Now()
		if err := closer.Close(); err != nil || time.Since(start) != 0 {
			t.Errorf("have %v after %v, want Close at once", err, time.Since(start))
		}
		want := map[string]string{"root": "-", "inner": "root"}
		if have := parents(spans.Spans()); !cmp.Equal(want, have) {
			t.Errorf("have %v, want %v", have, want)
		}
	})
}

// TestSpansBelowAnUnfinishedOneAreNotDeferredTwice finishes spans below a SERVER span that a
// reported span names, and below one of a closed tracer. They are reported at once.
func TestSpansBelowAnUnfinishedOneAreNotDeferredTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m tracer.Metrics
		tr, closer := open(t, config("memory"), tracer.WithMetrics(&m))
		outer := startServer(tr, "outer", nil)
		startServer(tr, "first", outer).Finish()
		after(time.Minute)
		for n := uint64(2); n <= 4; n++ {
			startServer(tr, "inner", outer).Finish()
			if have := m.Stats().Finished; have != n {
				t.Errorf("have %d spans reported, want %d", have, n)
			}
		}
		if err := closer.Close(); err != nil {
			t.Error(err)
		}
		startServer(tr, "late", startServer(tr, "other", nil)).Finish()
		if have := m.Stats().Finished; have != 6 { // with outer
			t.Errorf("after Close: have %d spans, want 6", have)
		}
	})
}

// TestServerSpansOfTwoTracers finishes a span below the SERVER span of another tracer. Each span is
// sent by its own tracer, and neither waits for the other.
func TestServerSpansOfTwoTracers(t *testing.T) {
	a, ofA := memory(t, nil)
	b, ofB := memory(t, func(c *tracer.Config) { c.ServiceName = "other" })
	outer := startServer(a, "outer", nil)
	startServer(b, "inner", outer).Finish()
	if len(ofB.Spans()) != 1 {
		t.Errorf("have %d spans before the outer one finishes, want 1", len(ofB.Spans()))
	}
	outer.Finish()
	for name, test := range map[string]struct {
		spans   []model.SpanModel
		service string
	}{"outer": {ofA.Spans(), "bookserver"}, "inner": {ofB.Spans(), "other"}} {
		if len(test.spans) != 1 || test.spans[0].Name != name ||
			test.spans[0].LocalEndpoint.ServiceName != test.service {
			t.Errorf("have %+v, want %s of %s", test.spans, name, test.service)
		}
	}
}

// TestAClosedTracersSpanIsNotNamed finishes a span of one tracer below an unfinished span of
// another one that has been closed.
func TestAClosedTracersSpanIsNotNamed(t *testing.T) {
	a, closer := open(t, config("memory"))
	b, ofB := memory(t, nil)
	root := b.StartSpan("root")
	closed := startKind(a, "closed", "client", root)
	named := startKind(a, "named", "client", root)
	startKind(b, "early", "server", named).Finish()
	if err := closer.Close(); err != nil {
		t.Error(err)
	}
	startKind(b, "inner", "server", closed).Finish()
	startKind(b, "late", "server", named).Finish()
	startKind(b, "later", "server", startKind(a, "new", "client", root)).Finish()
	root.Finish()
	want := map[string]string{
		"root": "-", "inner": "root", "early": "?", "late": "?", "later": "root",
	} // a reported the span named
	if have := parents(ofB.Spans()); !cmp.Equal(want, have) {
		t.Errorf("have %v, want %v", have, want)
	}
}

// TestUnfinishedSpansAreBounded abandons 100,000 spans within about a second, in each of the ways
// of servers. Memory stays bounded, and each reported span's parent is reported.
func TestUnfinishedSpansAreBounded(t *testing.T) {
	const calls, limit = 100_000, 24 << 20
	for name, call := range map[string]func(tr opentracing.Tracer, ctx context.Context){
		"replaced": func(tr opentracing.Tracer, ctx context.Context) {
			outer := startServer(tr, "outer", nil)
			opentracing.ContextWithSpan(ctx, outer)
			startServer(tr, "inner", outer).Finish()
		},
		"completed": func(tr opentracing.Tracer, ctx context.Context) {
			outer := startServer(tr, "outer", nil)
			opentracing.ContextWithSpan(ctx, outer)
			startKind(tr, "inner", "client", outer).Finish()
		},
		"no context": func(tr opentracing.Tracer, _ context.Context) {
			startServer(tr, "inner", startServer(tr, "outer", nil)).Finish()
		},
		"no kind": func(tr opentracing.Tracer, _ context.Context) {
			startKind(tr, "inner", "", startKind(tr, "outer", "", nil)).Finish()
		},
		"no child": func(tr opentracing.Tracer, ctx context.Context) {
			opentracing.ContextWithSpan(ctx, startServer(tr, "outer", nil))
		},
	} {
		t.Run(name, func(t *testing.T) {
			ids := newIDs(2*calls + 1)
			tr, closer := open(t, config("ids"), ids.backend())
			tr.StartSpan("warm").Finish()
			before := heapInUse()
			for range calls {
				ctx, end := context.WithCancel(context.Background())
				call(tr, ctx)
				end()
			}
			if used := heapInUse() - before; used > limit {
				t.Errorf("have %d MiB for %d spans, want at most %d", used>>20, calls, limit>>20)
			}
			if err := closer.Close(); err != nil {
				t.Error(err)
			}
			ids.check(t)
		})
	}
}

// ids is a backend that keeps the ids of its spans, without allocating.
type ids struct {
	mu    sync.Mutex
	spans [][2]uint64 // id and parent
}

func newIDs(most int) *ids { return &ids{spans: make([][2]uint64, 0, most)} }

func (i *ids) backend() tracer.Option {
	return tracer.WithBackend(tracer.Backend{
		Name: "ids",
		Open: func(_ context.Context, s tracer.Settings) (tracer.Sink, error) {
			return s.Queue(tracer.Destination{Encode: encodeIDs, Send: i.send})
		},
	})
}

func encodeIDs(b []byte, s *finished.Span) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(s.Model.ID))
	if s.Model.ParentID == nil {
		return binary.BigEndian.AppendUint64(b, 0)
	}
	return binary.BigEndian.AppendUint64(b, uint64(*s.Model.ParentID))
}

func (i *ids) send(_ context.Context, batch delivery.Batch) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	for b := batch.Bytes(); len(b) > 0; b = b[16:] {
		i.spans = append(i.spans, [2]uint64{
			binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:]),
		})
	}
	return nil
}

// check checks that each span was received once, and that each parent was received.
func (i *ids) check(t *testing.T) {
	t.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	known, orphans := map[uint64]bool{0: true}, 0
	for _, s := range i.spans {
		if known[s[0]] {
			t.Errorf("have span %x twice", s[0])
		}
		known[s[0]] = true
	}
	for _, s := range i.spans {
		if !known[s[1]] {
			orphans++
		}
	}
	if orphans > 0 {
		t.Errorf("have %d of %d spans with a parent that was not reported", orphans, len(i.spans))
	}
}

func heapInUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

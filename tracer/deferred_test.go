package tracer_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	"github.com/openzipkin/zipkin-go/model"

	"bookservice/tracer"
)

// startServer starts a SERVER span: a child of parent, or a root if parent is nil.
func startServer(
	tr opentracing.Tracer, name string, parent opentracing.Span,
) opentracing.Span {
	opts := []opentracing.StartSpanOption{ext.SpanKindRPCServer}
	if parent != nil {
		opts = append(opts, opentracing.ChildOf(parent.Context()))
	}
	return tr.StartSpan(name, opts...)
}

// parents returns the names of the parents by span name: "-" for no parent, "?" for one that was
// not reported.
func parents(spans []model.SpanModel) map[string]string {
	names := map[model.ID]string{}
	for _, s := range spans {
		names[s.ID] = s.Name
	}
	parents := map[string]string{}
	for _, s := range spans {
		switch {
		case s.ParentID == nil:
			parents[s.Name] = "-"
		case names[*s.ParentID] == "":
			parents[s.Name] = "?"
		default:
			parents[s.Name] = names[*s.ParentID]
		}
	}
	return parents
}

// afterAMinute waits for a minute of the bubble's clock.
func afterAMinute() { <-time.After(time.Minute) }

// TestServerSpanIsReparentedIfItsServerParentDoesNotFinish nests three SERVER spans and finishes
// them in different orders. Each finished span is reported once, and so is its reported parent.
func TestServerSpanIsReparentedIfItsServerParentDoesNotFinish(t *testing.T) {
	type span = opentracing.Span
	for name, test := range map[string]struct {
		finish func(outer, middle, inner span)
		want   map[string]string
	}{
		"inner first": {
			func(o, m, i span) { i.Finish(); m.Finish(); o.Finish() },
			map[string]string{"outer": "-", "middle": "outer", "inner": "middle"},
		},
		"outer first": {
			func(o, m, i span) { o.Finish(); m.Finish(); i.Finish() },
			map[string]string{"outer": "-", "middle": "outer", "inner": "middle"},
		},
		"outer never": {
			func(o, m, i span) { i.Finish(); m.Finish() },
			map[string]string{"middle": "-", "inner": "middle"},
		},
		"middle never": {
			func(o, m, i span) { i.Finish(); afterAMinute(); o.Finish() },
			map[string]string{"outer": "-", "inner": "outer"},
		},
		"middle late": {
			func(o, m, i span) { i.Finish(); afterAMinute(); m.Finish(); o.Finish() },
			map[string]string{"outer": "-", "middle": "outer", "inner": "outer"},
		},
		"middle not sampled": {
			func(o, m, i span) {
				i.Finish()
				ext.SamplingPriority.Set(m, 0)
				m.Finish()
				o.Finish()
			},
			map[string]string{"outer": "-", "inner": "outer"},
		},
		"inner after middle was abandoned": {
			func(o, m, i span) {
				startServer(m.Tracer(), "first", m).Finish()
				afterAMinute()
				i.Finish()
				o.Finish()
			},
			map[string]string{"outer": "-", "first": "outer", "inner": "outer"},
		},
		"inner is no SERVER span": {
			func(o, m, i span) { i.SetTag("span.kind", "client").Finish(); m.Finish(); o.Finish() },
			map[string]string{"outer": "-", "middle": "outer", "inner": "middle"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr, spans := memory(t, nil)
				outer := startServer(tr, "outer", nil)
				middle := startServer(tr, "middle", outer)
				test.finish(outer, middle, startServer(tr, "inner", middle))
				afterAMinute()
				have := parents(spans.Spans())
				if fmt.Sprint(have) != fmt.Sprint(test.want) ||
					len(spans.Spans()) != len(test.want) {
					t.Errorf("have %v in %d spans, want %v", have, len(spans.Spans()), test.want)
				}
			})
		})
	}
}

// TestOnlyServerSpansOfServerParentsAreDeferred checks that other spans are reported at once.
func TestOnlyServerSpansOfServerParentsAreDeferred(t *testing.T) {
	for name, test := range map[string]struct{ outer, inner ext.SpanKindEnum }{
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

// TestReportingIsDelayedForAtMostASecond checks when a deferred span is reported.
func TestReportingIsDelayedForAtMostASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, spans := memory(t, nil)
		startServer(tr, "inner", startServer(tr, "outer", nil)).Finish()
		<-time.After(time.Second - 1)
		synctest.Wait()
		if have := len(spans.Spans()); have != 0 {
			t.Errorf("have %d spans before the second has passed, want none", have)
		}
		<-time.After(1)
		synctest.Wait()
		if have := len(spans.Spans()); have != 1 {
			t.Errorf("have %d spans after a second, want 1", have)
		}
	})
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
		if have := parents(spans.Spans()); fmt.Sprint(have) != fmt.Sprint(want) {
			t.Errorf("have %v, want %v", have, want)
		}
	})
}

// TestAbandonedServerParentsAreNotAwaited finishes spans below a server parent that has been
// abandoned after the timeout, and below one of a closed tracer. They are reported at once.
func TestAbandonedServerParentsAreNotAwaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m tracer.Metrics
		tr, closer := open(t, config("memory"), tracer.WithMetrics(&m))
		outer := startServer(tr, "outer", nil)
		startServer(tr, "first", outer).Finish()
		afterAMinute()
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
		if have := m.Stats().Finished; have != 5 {
			t.Errorf("after Close: have %d spans, want 5", have)
		}
	})
}

// TestDeferredSpansAreBounded has more pending server parents than the limit. Further spans are
// re-parented at once.
func TestDeferredSpansAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const calls, limit = 10500, 10000
		var m tracer.Metrics
		tr, spans := memory(t, nil, tracer.WithMetrics(&m))
		for range calls {
			startServer(tr, "inner", startServer(tr, "outer", nil)).Finish()
		}
		if have := len(spans.Spans()); have != calls-limit {
			t.Errorf("have %d spans at once, want %d beyond the limit", have, calls-limit)
		}
		afterAMinute()
		if have := m.Stats().Finished; have != calls {
			t.Errorf("have %d spans after the timeout, want %d", have, calls)
		}
		startServer(tr, "inner", startServer(tr, "outer", nil)).Finish()
		if have := m.Stats().Finished; have != calls {
			t.Errorf("have %d spans, want the last one deferred again", have)
		}
	})
}

// TestFinishedServerParentsAreNotPending finishes more server parents than may be pending. The next
// span is deferred nevertheless.
func TestFinishedServerParentsAreNotPending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m tracer.Metrics
		tr, _ := memory(t, nil, tracer.WithMetrics(&m))
		const calls = 10001
		for range calls {
			outer := startServer(tr, "outer", nil)
			startServer(tr, "inner", outer).Finish()
			outer.Finish()
		}
		startServer(tr, "inner", startServer(tr, "outer", nil)).Finish()
		if have := m.Stats().Finished; have != 2*calls {
			t.Errorf("have %d spans, want %d and the last one deferred", have, 2*calls)
		}
	})
}

// TestServerSpansOfTwoTracers defers a span until the server parent of another tracer finishes.
// Each span is sent by its own tracer.
func TestServerSpansOfTwoTracers(t *testing.T) {
	a, ofA := memory(t, nil)
	b, ofB := memory(t, func(c *tracer.Config) { c.ServiceName = "other" })
	outer := startServer(a, "outer", nil)
	startServer(b, "inner", outer).Finish()
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

package tracer_test

import (
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	"github.com/openzipkin/zipkin-go/model"

	"bookservice/tracer"
	"bookservice/tracer/delivery"
	"bookservice/tracer/tracertest/receiver"
	"bookservice/tracer/tracertest/testkit"
)

// TestStats counts each kind of event once.
func TestStats(t *testing.T) {
	var m tracer.Metrics
	if diff := cmp.Diff(tracer.Stats{}, m.Stats()); diff != "" {
		t.Errorf("before Open: -want +have\n%s", diff)
	}
	collector := receiver.NewZipkin(t, 0)
	c := config("zipkin,log")
	c.Zipkin.URL = collector.URL
	c.Propagation.BaggageAllow = "user"
	tr, closer := open(t, c, tracer.WithMetrics(&m))
	start := time.Now()
	earlier := opentracing.FinishOptions{FinishTime: start.Add(-time.Second)}
	backwards := tr.StartSpan("ends before its start", opentracing.StartTime(start))
	backwards.FinishWithOptions(earlier)
	backwards.FinishWithOptions(earlier)
	tr.StartSpan("ends at its start", opentracing.StartTime(start)).
		FinishWithOptions(opentracing.FinishOptions{FinishTime: start})
	off := opentracing.Tag{Key: string(ext.SamplingPriority), Value: 0}
	tr.StartSpan("off", off).Finish()
	later := tr.StartSpan("off later")
	ext.SamplingPriority.Set(later, 0)
	later.Finish()
	later.Finish()
	tr.StartSpan("call").SetBaggageItem("user", "ann").SetBaggageItem("other", "x").Finish()
	for _, headers := range []opentracing.TextMapCarrier{
		{"b3": "x", "traceparent": "y"}, {"x-b3-traceid": "x", "x-b3-spanid": "y"}, {"b3": "0"},
	} {
		_, _ = tr.Extract(opentracing.TextMap, headers)
	}
	if err := closer.Close(); err != nil {
		t.Fatal(err)
	}
	want := tracer.Stats{
		Finished: 3, SampledOut: 2, Clamped: 1, Malformed: 3, BaggageDropped: 1,
		Sinks: map[string]delivery.Stats{
			"zipkin": {Added: 3, Sent: 3}, "log": {Added: 3, Sent: 3},
		},
	}
	have := m.Stats()
	zipkin := have.Sinks["zipkin"]
	have.Sinks["zipkin"] = delivery.Stats{
		Added: zipkin.Added, Sent: zipkin.Sent, Dropped: zipkin.Dropped,
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("-want +have\n%s", diff)
	}
}

// TestCountersAddUpAtEveryMoment compares the counters of all kinds of sinks while spans finish,
// are retried, and are dropped.
func TestCountersAddUpAtEveryMoment(t *testing.T) {
	testkit.Slow(t)
	collector := receiver.NewZipkin(t, 3)
	c := config("zipkin,log,mine")
	c.Zipkin.URL, c.FlushTimeout = collector.URL, time.Minute
	slow := reporterFunc{
		func(model.SpanModel) { <-time.After(time.Microsecond) }, func() error { return nil },
	}
	m := &tracer.Metrics{}
	tr, closer := open(t, c, tracer.WithMetrics(m), withReporter(slow, nil))
	done := make(chan struct{})
	var watcher, callers sync.WaitGroup
	watcher.Go(func() {
		for {
			checkSums(t, m.Stats())
			select {
			case <-done:
				return
			default:
			}
		}
	})
	for range 4 {
		callers.Go(func() {
			for range 4000 {
				tr.StartSpan("call").Finish()
			}
		})
	}
	callers.Wait()
	if err := closer.Close(); err != nil && m.Stats().Sinks["zipkin"].Dropped > 0 {
		t.Error(err)
	}
	tr.StartSpan("late").Finish()
	close(done)
	watcher.Wait()
	for name, s := range m.Stats().Sinks {
		if s.Added != 16001 || s.DroppedBy[delivery.Closed] != 1 || s.Queued+s.Spooled != 0 {
			t.Errorf("%s: have %+v, want 16001 added and one dropped after Close", name, s)
		}
	}
}

// checkSums checks that every span of a sink is counted once.
func checkSums(t *testing.T, stats tracer.Stats) {
	t.Helper()
	for name, s := range stats.Sinks {
		dropped := uint64(0)
		for _, n := range s.DroppedBy {
			dropped += n
		}
		if s.Added != s.Sent+s.Queued+s.Spooled+s.Dropped || dropped != s.Dropped {
			t.Errorf("%s: have %+v, want Added = Sent + Queued + Spooled + Dropped", name, s)
		}
	}
}

// TestMetricsReadTheTracerThatWasOpenedLast opens two tracers with one Metrics.
func TestMetricsReadTheTracerThatWasOpenedLast(t *testing.T) {
	m := &tracer.Metrics{}
	first, _ := memory(t, nil, tracer.WithMetrics(m))
	second, _ := memory(t, nil, tracer.WithMetrics(m))
	first.StartSpan("a").Finish()
	second.StartSpan("b").Finish()
	second.StartSpan("c").Finish()
	if have := m.Stats().Finished; have != 2 {
		t.Errorf("have %d spans, want the 2 of the second tracer", have)
	}
	keep := reporterFunc{func(model.SpanModel) {}, func() error { return nil }}
	for _, backend := range []string{"log", "mine"} {
		_, closer := open(t, config(backend), tracer.WithMetrics(m), withReporter(keep, nil))
		sinks := m.Stats().Sinks
		if _, ok := sinks[backend]; !ok || len(sinks) != 1 {
			t.Errorf("%s: have counters of %v", backend, sinks)
		}
		if err := closer.Close(); err != nil {
			t.Error(err)
		}
	}
}

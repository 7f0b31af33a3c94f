package tracer_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"

	"bookservice/tracer"
	"bookservice/tracer/delivery"
	"bookservice/tracer/tracertest/receiver"
)

// Each thing that happens is counted once, where it belongs.
func TestStats(t *testing.T) {
	var m tracer.Metrics
	if diff := cmp.Diff(tracer.Stats{}, m.Stats()); diff != "" {
		t.Errorf("before Open: -want +have\n%s", diff)
	}
	collector := receiver.NewZipkin(t, 0)
	c := config("zipkin,log")
	c.Zipkin.URL = collector.URL
	c.Propagation.BaggageAllow = "user"
	tr, closer, err := tracer.Open(t.Context(), c, tracer.WithMetrics(&m), tracer.WithLogger(quiet))
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	backwards := tr.StartSpan("backwards", opentracing.StartTime(start))
	backwards.FinishWithOptions(opentracing.FinishOptions{FinishTime: start.Add(-time.Second)})
	backwards.FinishWithOptions(opentracing.FinishOptions{FinishTime: start.Add(-time.Second)})
	tr.StartSpan("at once", opentracing.StartTime(start)).FinishWithOptions(opentracing.FinishOptions{FinishTime: start})
	tr.StartSpan("off", opentracing.Tag{Key: string(ext.SamplingPriority), Value: 0}).Finish()
	later := tr.StartSpan("off later")
	ext.SamplingPriority.Set(later, 0)
	later.Finish()
	later.Finish()
	tr.StartSpan("call").SetBaggageItem("user", "ann").SetBaggageItem("other", "x").Finish()
	for _, headers := range []opentracing.TextMapCarrier{{"b3": "x", "traceparent": "y"}, {"x-b3-traceid": "x", "x-b3-spanid": "y"}, {"b3": "0"}} {
		_, _ = tr.Extract(opentracing.TextMap, headers)
	}
	if err := closer.Close(); err != nil {
		t.Fatal(err)
	}
	want := tracer.Stats{Finished: 3, SampledOut: 2, Clamped: 1, Malformed: 3, BaggageDropped: 1,
		Sinks: map[string]delivery.Stats{"zipkin": {Added: 3, Sent: 3}, "log": {Added: 3, Sent: 3}}}
	have := m.Stats()
	zipkin := have.Sinks["zipkin"]
	have.Sinks["zipkin"] = delivery.Stats{Added: zipkin.Added, Sent: zipkin.Sent, Dropped: zipkin.Dropped}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("-want +have\n%s", diff)
	}
}

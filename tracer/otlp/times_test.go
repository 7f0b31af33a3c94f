package otlp_test

import (
	"testing"
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/log"
)

// TestClampedTimes starts spans at times that OTLP or Zipkin cannot express. They start now instead,
// and end after they start.
func TestClampedTimes(t *testing.T) {
	before := uint64(time.Now().UnixNano())
	spans := exported(t, func(tr opentracing.Tracer) {
		for _, at := range []time.Time{{}, time.Unix(0, 0), time.Unix(-1, 0), time.Unix(1<<40, 0), time.Unix(1<<62, 0)} {
			s := tr.StartSpan("call", opentracing.StartTime(at))
			s.FinishWithOptions(opentracing.FinishOptions{FinishTime: at.Add(1), LogRecords: []opentracing.LogRecord{
				{Timestamp: at, Fields: []log.Field{log.String("event", "sent")}}}})
		}
		tr.StartSpan("call").FinishWithOptions(opentracing.FinishOptions{FinishTime: time.Unix(1<<62, 0)})
	})
	if len(spans) != 6 {
		t.Fatalf("have %d spans, want 6", len(spans))
	}
	for i, s := range spans {
		start, end := s.GetStartTimeUnixNano(), s.GetEndTimeUnixNano()
		if now := uint64(time.Now().UnixNano()); start < before || start > now || end <= start {
			t.Errorf("span %d is from %d to %d, want it to start from %d to %d", i, start, end, before, now)
		}
		for _, e := range s.GetEvents() {
			if at, now := e.GetTimeUnixNano(), uint64(time.Now().UnixNano()); at < before || at > now {
				t.Errorf("span %d has an event at %d, want it from %d to %d", i, at, before, now)
			}
		}
	}
}

package tracer_test

import (
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bookservice/tracer"
	"bookservice/tracer/delivery"
)

// TestMemoryHoldsTheNewestSpans finishes more spans than a Memory holds.
func TestMemoryHoldsTheNewestSpans(t *testing.T) {
	tr, m := memory(t, nil)
	for i := range 10003 {
		tr.StartSpan(strconv.Itoa(i)).Finish()
	}
	spans := m.Spans()
	if len(spans) != 10000 {
		t.Fatalf("have %d spans, want 10000", len(spans))
	}
	for i, s := range spans {
		if want := strconv.Itoa(i + 3); s.Name != want {
			t.Fatalf("have span %s at %d, want %s", s.Name, i, want)
		}
	}
}

// TestSpansOfAMemoryIsACopy changes the returned list.
func TestSpansOfAMemoryIsACopy(t *testing.T) {
	tr, m := memory(t, nil)
	tr.StartSpan("call").Finish()
	m.Spans()[0].Name = "changed"
	if have := m.Spans()[0].Name; have != "call" {
		t.Errorf("have %s, want the Memory unchanged", have)
	}
}

// TestTracersShareAMemory has two tracers add to one Memory.
func TestTracersShareAMemory(t *testing.T) {
	m := &tracer.Memory{}
	for _, service := range []string{"books", "shop"} {
		c := config("memory")
		c.ServiceName = service
		tr, closer := open(t, c, tracer.WithMemory(m))
		tr.StartSpan("call").Finish()
		if err := closer.Close(); err != nil {
			t.Error(err)
		}
	}
	var have []string
	for _, s := range m.Spans() {
		have = append(have, s.LocalEndpoint.ServiceName)
	}
	if want := []string{"books", "shop"}; !slices.Equal(have, want) {
		t.Errorf("have spans of %v, want %v", have, want)
	}
}

// TestMemoryCountsWhatItDrops counts spans that newer ones have replaced, and those after Close.
func TestMemoryCountsWhatItDrops(t *testing.T) {
	m := &tracer.Metrics{}
	tr, closer := open(t, config("memory"), tracer.WithMetrics(m),
		tracer.WithMemory(&tracer.Memory{}))
	for range 10010 {
		tr.StartSpan("call").Finish()
	}
	if err := closer.Close(); err != nil {
		t.Error(err)
	}
	tr.StartSpan("late").Finish()
	want := delivery.Stats{Added: 10011, Sent: 10000, Dropped: 11,
		DroppedBy: map[string]uint64{"memory full": 10, delivery.Closed: 1}}
	if diff := cmp.Diff(want, m.Stats().Sinks["memory"]); diff != "" {
		t.Errorf("-want +have\n%s", diff)
	}
}

package store_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"bookservice/tracer/collector/internal/store"
	"bookservice/tracer/collector/internal/zipkinv2"
)

func span(trace, id uint64) *zipkinv2.Span {
	return &zipkinv2.Span{TraceID: zipkinv2.TraceID{Low: trace}, ID: id}
}

// A reader that is behind by more evictions than are remembered has a gap, and one that is behind
// by fewer gets each of them once.
func TestEvictionsAreRememberedWithinABound(t *testing.T) {
	const start = 1000
	s := store.New(1<<20, nil, start)
	const traces = 30_000 // of which some 1,300 fit
	seqs := []uint64{start}
	for i := range traces {
		s.Add([]*zipkinv2.Span{span(uint64(i+1), 1)})
		seqs = append(seqs, s.Seq())
	}
	if c := s.Changes(start, traces); !c.Gap {
		t.Errorf("have %d evictions after all changes, want a gap", len(c.Evicted))
	}
	late := traces - 2000
	c := s.Changes(seqs[late], traces)
	if c.Gap || len(c.Evicted) < 1900 || len(c.Evicted) > 2100 {
		t.Fatalf("have gap %v and %d evictions of the last 2,000 changes", c.Gap, len(c.Evicted))
	}
	slices.Sort(c.Evicted)
	if unique := slices.Compact(slices.Clone(c.Evicted)); len(unique) != len(c.Evicted) {
		t.Errorf("have %d evictions, of which %d differ", len(c.Evicted), len(unique))
	}
	if c.Seq != s.Seq() || !c.Losses {
		t.Errorf("have seq %d and losses %v, want %d and true", c.Seq, c.Losses, s.Seq())
	}
	if again := s.Changes(c.Seq, traces); again.Gap || len(again.Summaries)+len(again.Evicted) > 0 {
		t.Errorf("have %+v after the last change, want nothing", again)
	}
}

// Wait ends at each kind of change.
func TestWaitEndsAtEachChange(t *testing.T) {
	s := store.New(1<<20, nil, 5)
	for name, change := range map[string]func(){
		"spans":   func() { s.Add([]*zipkinv2.Span{span(1, s.Seq())}) },
		"clear":   s.Clear,
		"refusal": func() { s.Refuse("r", 1) },
		"report": func() {
			s.ReportLosses(store.Sender{Service: "s"}, 1,
				[]store.SpanCount{{Reason: "r", Spans: int64(s.Seq())}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			changed := s.Wait(s.Seq())
			select {
			case <-changed:
				t.Fatal("Wait has ended before the change")
			default:
			}
			change()
			<-changed
			<-s.Wait(0)
		})
	}
	s.Add(nil)
	select {
	case <-s.Wait(s.Seq()):
		t.Error("no spans are a change")
	default:
	}
}

// Many pieces of one id take a bounded time each.
func TestManyPiecesOfOneID(t *testing.T) {
	s := store.New(256<<20, nil, 0)
	const pieces = 100_000
	for i := range pieces {
		p := span(1, 1)
		p.Name = fmt.Sprint(i)
		s.Add([]*zipkinv2.Span{p, p})
	}
	if have := len(s.Trace(zipkinv2.TraceID{Low: 1})); have != pieces {
		t.Errorf("have %d pieces, want %d", have, pieces)
	}
	found, _ := s.Summaries(&store.Query{Limit: 1})
	if found[0].Spans != 1 {
		t.Errorf("have %d spans, want 1", found[0].Spans)
	}
}

// A trace of many spans takes a bounded time for each of them.
func BenchmarkAddToLargeTrace(b *testing.B) {
	s := store.New(1<<40, nil, 0)
	var id uint64
	b.ReportAllocs()
	for b.Loop() {
		id++
		s.Add([]*zipkinv2.Span{span(1, id)})
	}
}

// A trace that alone takes most of the memory gives way, and the others stay.
func TestLargeTraceEvictsItself(t *testing.T) {
	s := store.New(1<<20, nil, 0)
	for id := uint64(1); id <= 20; id++ {
		s.Add([]*zipkinv2.Span{{TraceID: zipkinv2.TraceID{Low: id}, ID: id, Name: "small"}})
	}
	var large []*zipkinv2.Span
	for id := uint64(100); id < 20_000; id++ {
		large = append(large, &zipkinv2.Span{
			TraceID: zipkinv2.TraceID{Low: 99}, ID: id, Name: "large"})
	}
	s.Add(large)
	found, _ := s.Summaries(&store.Query{Limit: 100})
	if len(found) != 20 || slices.ContainsFunc(found, func(f store.Summary) bool {
		return f.RootName == "large"
	}) {
		t.Errorf("have %d traces, want the 20 small ones", len(found))
	}
}

// A summary of a trace with an open span lasts until now, and is found by its duration.
func TestOpenTraceLastsUntilNow(t *testing.T) {
	s := store.New(1<<20, nil, 0)
	start := time.Now().Add(-time.Minute).UnixMicro()
	s.Add([]*zipkinv2.Span{{TraceID: zipkinv2.TraceID{Low: 1}, ID: 1, Timestamp: start}})
	found, _ := s.Summaries(&store.Query{MinDuration: 50e6, Limit: 10})
	if len(found) != 1 || found[0].Duration < 60e6 {
		t.Errorf("have %+v, want one trace of a minute", found)
	}
	if oldest := s.Oldest(); oldest != start {
		t.Errorf("have oldest %d, want %d", oldest, start)
	}
}

package main

import (
	"fmt"
	"math"

	"github.com/openzipkin/zipkin-go/model"
)

// A tally is what a collector has received.
type tally struct {
	Spans      int // distinct
	Duplicates int // spans that had arrived before
	Traces     int
	Incomplete int            // traces with another number of spans than each should have
	Orphans    int            // spans with a parent that has not arrived
	Kinds      map[string]int // distinct spans by kind
	BadPosts   int            // that could not be decoded
	Problem    string         // of the first bad post
}

// A spanKey identifies a span. Client and server may share an id (see B3).
type spanKey struct {
	trace model.TraceID
	id    model.ID
	kind  model.Kind
}

// A tallier counts spans.
type tallier struct {
	tally
	seen    map[spanKey]bool
	ids     map[model.ID]bool
	parents map[spanKey]model.ID
	traces  map[model.TraceID]int // distinct spans
}

func newTallier() *tallier {
	return &tallier{
		tally: tally{Kinds: map[string]int{}},
		seen:  map[spanKey]bool{}, ids: map[model.ID]bool{},
		parents: map[spanKey]model.ID{}, traces: map[model.TraceID]int{},
	}
}

// add adds the spans of a post, or the error of a post that could not be decoded.
func (t *tallier) add(spans []model.SpanModel, err error) {
	if err != nil {
		t.BadPosts++
		if t.Problem == "" {
			t.Problem = err.Error()
		}
		return
	}
	for _, s := range spans {
		key := spanKey{s.TraceID, s.ID, s.Kind}
		if t.seen[key] {
			t.Duplicates++
			continue
		}
		t.seen[key], t.ids[s.ID] = true, true
		if s.ParentID != nil && *s.ParentID != 0 {
			t.parents[key] = *s.ParentID
		}
		t.Spans++
		t.Kinds[string(s.Kind)]++
		t.traces[s.TraceID]++
	}
}

// result returns the tally. Each trace should have this number of spans.
func (t *tallier) result(spansOfTrace int) tally {
	r := t.tally
	r.Traces = len(t.traces)
	for _, n := range t.traces {
		if n != spansOfTrace {
			r.Incomplete++
		}
	}
	for _, parent := range t.parents {
		if !t.ids[parent] {
			r.Orphans++
		}
	}
	return r
}

// verdict says what is wrong with the spans of a row after this number of calls, or nothing.
func (t tally) verdict(r row, calls int) string {
	want := calls * r.spans
	switch {
	case t.BadPosts > 0:
		return fmt.Sprintf("%d posts malformed: %s", t.BadPosts, t.Problem)
	case r.spans == 0 && t.Spans > 0:
		return fmt.Sprintf("%d spans, want none", t.Spans)
	case r.spans == 0:
		return ""
	case r.share == 1 && t.Spans < want:
		return fmt.Sprintf("%d of %d spans lost", want-t.Spans, want)
	case r.share == 1 && t.Spans > want:
		return fmt.Sprintf("%d spans more than %d", t.Spans-want, want)
	case t.Incomplete > 0:
		return fmt.Sprintf("%d of %d traces incomplete", t.Incomplete, t.Traces)
	case r.share < 1 && !plausible(t.Traces, calls, r.share):
		return fmt.Sprintf("%d of %d calls recorded, want %v of them", t.Traces, calls, r.share)
	case r.ours:
		return t.verdictOfOurs()
	}
	return ""
}

// verdictOfOurs checks what holds for our spans: the kinds, the parents, and that no span arrives
// twice while no post fails.
func (t tally) verdictOfOurs() string {
	client, server := t.Kinds[string(model.Client)], t.Kinds[string(model.Server)]
	switch {
	case client != server || client+server != t.Spans:
		return fmt.Sprintf("the kinds of %d spans are %v", t.Spans, t.Kinds)
	case t.Orphans > 0:
		return fmt.Sprintf("%d spans without their parents", t.Orphans)
	case t.Duplicates > 0:
		return fmt.Sprintf("%d spans arrived twice", t.Duplicates)
	}
	return ""
}

// plausible reports whether n of all calls are a sample of this share: within six standard
// deviations of a binomial distribution, and one more.
func plausible(n, all int, share float64) bool {
	mean := float64(all) * share
	return math.Abs(float64(n)-mean) <= 1+6*math.Sqrt(mean*(1-share))
}

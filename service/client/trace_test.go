package client_test

import (
	"testing"

	"bookservice/service/client"
	"bookservice/service/inmem"

	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/mocktracer"
)

// One CLIENT span per attempt, named after its instance, all children of the caller's span; one SERVER span below the one
// that was answered.
func TestOneSpanPerAttempt(t *testing.T) {
	tracer := mocktracer.New()
	s, gone := start(t, inmem.Default(), tracer), dead(t)
	c := dialWith(t, &directory{instances: []string{s.addr, gone}}, tracer, quick(nil), client.WithPeerService("library"))
	root := tracer.StartSpan("bookCaller").(*mocktracer.MockSpan)
	ctx := opentracing.ContextWithSpan(t.Context(), root)
	for range 2 {
		if _, err := c.BookInfo(ctx, 1); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "five spans are finished", func() bool { return len(tracer.FinishedSpans()) == 5 })
	failed, clients := 0, map[int]bool{}
	for _, span := range tracer.FinishedSpans() {
		if span.ParentID != root.SpanContext.SpanID {
			continue
		}
		clients[span.SpanContext.SpanID] = true
		if span.Tag("peer.service") != "library" {
			t.Errorf("have peer.service %v", span.Tag("peer.service"))
		}
		if span.Tag("error") != nil {
			failed++
			if span.Tag("peer.address") != gone {
				t.Errorf("the attempt at %v failed, want that at %s", span.Tag("peer.address"), gone)
			}
		}
	}
	if len(clients) != 3 || failed != 1 {
		t.Errorf("have %d attempts' spans, %d of them failed, want 3 and 1", len(clients), failed)
	}
	for _, span := range tracer.FinishedSpans() {
		if !clients[span.SpanContext.SpanID] && !clients[span.ParentID] {
			t.Errorf("%v is no child of an attempt's span", span)
		}
	}
}

package client_test

import (
	"errors"
	"testing"

	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/mocktracer"

	"bookservice/service/client"
	"bookservice/service/inmem"
	"bookservice/tracer/tracertest/testkit"
)

// Each attempt has one CLIENT span with the address of its instance, a child of the caller's span.
// Each attempt at a server with a tracer has one SERVER span, a child of the CLIENT span.
func TestOneSpanPerAttempt(t *testing.T) {
	tracer := mocktracer.New()
	s, failing := start(t, inmem.Default(), tracer), start(t, fails(errors.New("on fire")), nil)
	c := dialWith(t, &directory{instances: []string{s.addr, failing.addr}}, tracer,
		quick(roundRobin), client.WithPeerService("library"))
	connected(t, c, 2)
	root := tracer.StartSpan("bookCaller").(*mocktracer.MockSpan)
	ctx := opentracing.ContextWithSpan(t.Context(), root)
	for range 2 {
		if _, err := c.BookInfo(ctx, 1); err != nil {
			t.Fatal(err)
		}
	}
	testkit.Eventually(t, "five spans are finished", func() bool {
		return len(tracer.FinishedSpans()) == 5
	})
	failed, clients := 0, map[int]bool{}
	for _, span := range tracer.FinishedSpans() {
		if span.ParentID != root.SpanContext.SpanID {
			continue
		}
		clients[span.SpanContext.SpanID] = true
		if have := span.Tag("peer.service"); have != "library" {
			t.Errorf("peer.service: have %v, want library", have)
		}
		want := s.addr
		if span.Tag("error") != nil {
			failed++
			want = failing.addr
		}
		if have := span.Tag("peer.address"); have != want {
			t.Errorf("peer.address: have %v, want %s", have, want)
		}
	}
	if len(clients) != 3 || failed != 1 {
		t.Errorf("have %d spans of attempts, %d of them failed, want 3 and 1", len(clients), failed)
	}
	for _, span := range tracer.FinishedSpans() {
		if !clients[span.SpanContext.SpanID] && !clients[span.ParentID] {
			t.Errorf("%v is not a child of an attempt's span", span)
		}
	}
}

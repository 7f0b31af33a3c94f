package interop_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/openzipkin/zipkin-go/model"
)

const method = "book.BookService/GetBookInfo"

// found answers each question.
func found(context.Context, int32) (string, error) { return "21天精通php", nil }

// serve has the party answer until stop is called, which waits for calls in flight.
func serve(t *testing.T, p party, answer ask) (addr string, stop func()) {
	t.Helper()
	srv := p.server(answer)
	return listen(t, srv), srv.GracefulStop
}

// closeAll has the parties send what they have.
func closeAll(t *testing.T, parties ...party) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for _, p := range parties {
		if err := p.close(ctx); err != nil {
			t.Error(err)
		}
	}
}

// A step is one span of a trace that goes straight down.
type step struct {
	service string
	kind    model.Kind
}

// checkTrace checks that the spans are these steps and no others, each the parent of the next, with ids of their own.
func checkTrace(t *testing.T, have []span, want ...step) {
	t.Helper()
	below := map[string]span{}
	for _, s := range have {
		if other, taken := below[s.parent]; taken {
			t.Errorf("have %+v and %+v below the same span", s, other)
		}
		below[s.parent] = s
	}
	if len(have) != len(want) {
		t.Errorf("have %d spans, want %d: %+v", len(have), len(want), have)
	}
	above := ""
	for i, w := range want {
		s, ok := below[above]
		if !ok {
			t.Fatalf("step %d, %v: nothing is below %q: %+v", i, w, above, have)
		}
		name := "root"
		if w.kind != model.Undetermined {
			name = strings.ToLower(method)
		}
		if s.service != w.service || s.kind != w.kind || s.name != name || s.failed {
			t.Errorf("step %d: have %+v, want %q of kind %q by %q", i, s, name, w.kind, w.service)
		}
		above = s.id
	}
}

// call has the client ask the server, closes both, and returns the trace's id.
func call(t *testing.T, client, server party) string {
	t.Helper()
	addr, stop := serve(t, server, found)
	ctx, id, finish := client.root(t.Context())
	name, err := client.client(t, addr)(ctx, 1)
	finish()
	stop()
	closeAll(t, client, server)
	if err != nil || name != "21天精通php" {
		t.Fatalf("have %q, %v", name, err)
	}
	return id
}

// TestTraces asks each collector, which is started once, for the traces of calls between all parties.
func TestTraces(t *testing.T) {
	for in, start := range collectors {
		t.Run(in, func(t *testing.T) {
			t.Parallel()
			c := start(t)
			t.Run("one way", func(t *testing.T) { testOneTrace(t, c) })
			t.Run("both ways", func(t *testing.T) { testBothWaysInOneTrace(t, c) })
		})
	}
}

// testOneTrace has each client call each server.
func testOneTrace(t *testing.T, c collector) {
	ours := openOurs()
	otel := func(t *testing.T, c collector, name string) party { return openOTel(t, c, name) }
	tests := map[string]struct{ client, server open }{
		"ours to ours":          {ours, ours},
		"OpenTelemetry to ours": {otel, ours},
		"ours to OpenTelemetry": {ours, otel},
		"native Zipkin to ours": {openNativeZipkin, ours},
		"ours to native Zipkin": {ours, openNativeZipkin},
		"Jaeger's to ours":      {openJaeger, ours},
		"ours to Jaeger's":      {openOurs("-propagation", "jaeger"), openJaeger},
		"Jaeger's to Jaeger's":  {openJaeger, openJaeger},
		"64 bits":               {openOurs("-trace-id-bits", "64"), openNativeZipkin},
	}
	for _, headers := range []string{"b3", "b3multi", "w3c", "jaeger", "b3,b3multi,jaeger,w3c"} {
		tests["ours to ours by "+headers] = struct{ client, server open }{openOurs("-propagation", headers), ours}
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			client, server := test.client(t, c, "caller"), test.server(t, c, "books")
			id := call(t, client, server)
			checkTrace(t, c.trace(t, id, 3), step{"caller", ""}, step{"caller", model.Client}, step{"books", model.Server})
		})
	}
}

// testBothWaysInOneTrace has ours and OpenTelemetry's call each other within one call.
func testBothWaysInOneTrace(t *testing.T, c collector) {
	for name, first := range map[string]bool{"ours first": true, "OpenTelemetry first": false} {
		t.Run(name, func(t *testing.T) {
			a, b := openOurs()(t, c, "a"), openOTel(t, c, "b")
			if !first {
				a, b = openOTel(t, c, "a"), openOurs()(t, c, "b")
			}
			inner, stopInner := serve(t, a, found)
			outer, stopOuter := serve(t, b, b.client(t, inner))
			ctx, id, finish := a.root(t.Context())
			_, err := a.client(t, outer)(ctx, 1)
			finish()
			stopOuter()
			stopInner()
			closeAll(t, a, b)
			if err != nil {
				t.Fatal(err)
			}
			checkTrace(t, c.trace(t, id, 5), step{"a", ""}, step{"a", model.Client}, step{"b", model.Server},
				step{"b", model.Client}, step{"a", model.Server})
		})
	}
}

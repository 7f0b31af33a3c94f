package interop_test

import (
	"strings"
	"testing"

	"github.com/openzipkin/zipkin-go/model"
)

const method = "book.BookService/GetBookInfo"

// TestTraces checks the traces of calls between all parties, in each collector.
func TestTraces(t *testing.T) {
	for name, start := range collectors {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := start(t) // once for all calls
			t.Run("one way", func(t *testing.T) { testOneWay(t, c) })
			t.Run("both ways", func(t *testing.T) { testBothWays(t, c) })
		})
	}
}

// testOneWay calls a server of one party from a client of another.
func testOneWay(t *testing.T, c collector) {
	ours := openOurs()
	type pair struct{ client, server openFunc }
	tests := map[string]pair{
		"ours to ours":          {ours, ours},
		"OpenTelemetry to ours": {openOTel, ours},
		"ours to OpenTelemetry": {ours, openOTel},
		"native Zipkin to ours": {openNativeZipkin, ours},
		"ours to native Zipkin": {ours, openNativeZipkin},
		"Jaeger's to ours":      {openJaeger, ours},
		"ours to Jaeger's":      {openOurs("-propagation", "jaeger"), openJaeger},
		"Jaeger's to Jaeger's":  {openJaeger, openJaeger},
		"64 bits":               {openOurs("-trace-id-bits", "64"), openNativeZipkin},
	}
	for _, headers := range []string{"b3", "b3multi", "w3c", "jaeger", "b3,b3multi,jaeger,w3c"} {
		tests["ours to ours by "+headers] = pair{openOurs("-propagation", headers), ours}
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			client, server := test.client(t, c, "caller"), test.server(t, c, "books")
			id := call(t, client, server)
			checkTrace(t, c.trace(t, id, 3),
				step{"caller", ""}, step{"caller", model.Client}, step{"books", model.Server})
		})
	}
}

// testBothWays makes a call from party a to party b, during which b calls a.
func testBothWays(t *testing.T, c collector) {
	for name, oursFirst := range map[string]bool{"ours first": true, "OpenTelemetry first": false} {
		t.Run(name, func(t *testing.T) {
			openA, openB := openOurs(), openFunc(openOTel)
			if !oursFirst {
				openA, openB = openB, openA
			}
			a, b := openA(t, c, "a"), openB(t, c, "b")
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
			checkTrace(t, c.trace(t, id, 5),
				step{"a", ""}, step{"a", model.Client}, step{"b", model.Server},
				step{"b", model.Client}, step{"a", model.Server})
		})
	}
}

// A step is a span of a trace in which each span has at most one child.
type step struct {
	service string
	kind    model.Kind
}

// checkTrace checks that have consists of these steps, each the parent of the next, and that each
// span has an id of its own.
func checkTrace(t *testing.T, have []span, want ...step) {
	t.Helper()
	child := map[string]span{} // by the parent's id
	for _, s := range have {
		if other, taken := child[s.parent]; taken {
			t.Errorf("have %+v and %+v with the same parent", s, other)
		}
		child[s.parent] = s
	}
	if len(have) != len(want) {
		t.Errorf("have %d spans, want %d: %+v", len(have), len(want), have)
	}
	parent := ""
	for i, w := range want {
		s, ok := child[parent]
		if !ok {
			t.Fatalf("step %d, %v: no span has the parent %q: %+v", i, w, parent, have)
		}
		name := "root"
		if w.kind != model.Undetermined {
			name = strings.ToLower(method)
		}
		if s.service != w.service || s.kind != w.kind || s.name != name || s.failed {
			t.Errorf("step %d: have %+v, want %q of kind %q by %q", i, s, name, w.kind, w.service)
		}
		parent = s.id
	}
}

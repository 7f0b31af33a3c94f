package tracer_test

import (
	"testing"

	"github.com/opentracing/opentracing-go"

	"bookservice/tracer/tracertest/testkit"
)

// fixed is a carrier that does not allocate.
type fixed struct {
	headers [16][2]string
	n       int
}

func (f *fixed) Set(key, value string) {
	f.headers[f.n] = [2]string{key, value}
	f.n++
}

func (f *fixed) ForeachKey(handler func(key, value string) error) error {
	for _, h := range f.headers[:f.n] {
		if err := handler(h[0], h[1]); err != nil {
			return err
		}
	}
	return nil
}

// hotPaths are headers that a service extracts and injects with every call.
var hotPaths = map[string]struct {
	formats string
	in      lines
	extract float64 // allocations of Extract; Inject has 1
}{
	"b3":          {"b3", nil, 1},
	"b3multi":     {"b3multi", nil, 1},
	"w3c":         {"w3c", nil, 1},
	"jaeger":      {"jaeger", nil, 1},
	"w3c,b3multi": {"w3c,b3multi", nil, 1},
	"all":         {everyFormat, nil, 1},
	"tracestate":  {"w3c", lines{{"tracestate", "rojo=00f067aa0ba902b7,congo=1"}}, 2},
	"baggage":     {"w3c", lines{{"baggage", "user=ann,city=rome"}}, 4},
}

// hotPath returns a tracer, a context, and the headers of a call with this context.
func hotPath(
	tb testing.TB, formats string, in lines,
) (tr opentracing.Tracer, sc opentracing.SpanContext, out *fixed) {
	tb.Helper()
	tr, _ = memory(tb, injecting(formats))
	sc = extract(tb, tr, append(in, [2]string{"traceparent", w3cParent}))
	out = &fixed{}
	if err := tr.Inject(sc, opentracing.TextMap, out); err != nil {
		tb.Fatal(err)
	}
	out.Set(":authority", "books") // and other headers of a call
	out.Set("content-type", "application/grpc")
	out.Set("user-agent", "grpc-go/1.85.0")
	return tr, sc, out
}

// TestPropagationAllocations checks that the injected headers share one string, and that Extract
// allocates only what the context keeps.
func TestPropagationAllocations(t *testing.T) {
	for name, path := range hotPaths {
		t.Run(name, func(t *testing.T) {
			tr, sc, headers := hotPath(t, path.formats, path.in)
			out := &fixed{}
			have := testing.AllocsPerRun(200, func() {
				out.n = 0
				_ = tr.Inject(sc, opentracing.TextMap, out)
			})
			if have > 1 {
				t.Errorf("Inject: have %v allocations, want 1", have)
			}
			have = testing.AllocsPerRun(200, func() {
				_, _ = tr.Extract(opentracing.TextMap, headers)
			})
			// The race detector makes a pool drop some of what it gets.
			if have > path.extract && !(testkit.RaceDetector && have == path.extract+1) {
				t.Errorf("Extract: have %v allocations, want %v", have, path.extract)
			}
		})
	}
}

func BenchmarkInject(b *testing.B) {
	for name, path := range hotPaths {
		b.Run(name, func(b *testing.B) {
			tr, sc, _ := hotPath(b, path.formats, path.in)
			out := &fixed{}
			b.ReportAllocs()
			for b.Loop() {
				out.n = 0
				_ = tr.Inject(sc, opentracing.TextMap, out)
			}
		})
	}
}

func BenchmarkExtract(b *testing.B) {
	for name, path := range hotPaths {
		b.Run(name, func(b *testing.B) {
			tr, _, headers := hotPath(b, path.formats, path.in)
			b.ReportAllocs()
			for b.Loop() {
				_, _ = tr.Extract(opentracing.TextMap, headers)
			}
		})
	}
}

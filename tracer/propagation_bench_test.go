package tracer_test

import (
	"testing"

	"github.com/opentracing/opentracing-go"
)

// fixed is a carrier that costs nothing itself.
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

// hotPaths are the ways in which a context comes in and goes out at every call.
var hotPaths = map[string]struct {
	formats string
	in      lines
	extract float64 // allocations; those of injecting are 1
}{
	"b3":          {"b3", nil, 1},
	"b3multi":     {"b3multi", nil, 1},
	"w3c":         {"w3c", nil, 1},
	"jaeger":      {"jaeger", nil, 1},
	"w3c,b3multi": {"w3c,b3multi", nil, 1},
	"all":         {everyFormat, nil, 1},
	"tracestate":  {"w3c", lines{{"tracestate", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"}}, 2},
	"baggage":     {"w3c", lines{{"baggage", "user=ann,city=rome"}}, 4},
}

func hotPath(tb testing.TB, formats string, in lines) (tr opentracing.Tracer, sc opentracing.SpanContext, out *fixed) {
	tb.Helper()
	tr, _ = memory(tb, sending(formats))
	sc, err := tr.Extract(opentracing.TextMap, append(in, [2]string{"traceparent", w3cParent}))
	if err != nil {
		tb.Fatal(err)
	}
	out = &fixed{}
	if err := tr.Inject(sc, opentracing.TextMap, out); err != nil {
		tb.Fatal(err)
	}
	// What a service has around them.
	for _, h := range [][2]string{{":authority", "books"}, {"content-type", "application/grpc"}, {"user-agent", "grpc-go/1.85.0"}} {
		out.Set(h[0], h[1])
	}
	return tr, sc, out
}

// All headers are cut from one string, and extracting allocates no more than what is kept.
func TestAllocations(t *testing.T) {
	for name, path := range hotPaths {
		t.Run(name, func(t *testing.T) {
			tr, sc, headers := hotPath(t, path.formats, path.in)
			out := &fixed{}
			have := testing.AllocsPerRun(200, func() {
				out.n = 0
				_ = tr.Inject(sc, opentracing.TextMap, out)
			})
			if have > 1 {
				t.Errorf("injecting allocates %v times, want 1", have)
			}
			have = testing.AllocsPerRun(200, func() { _, _ = tr.Extract(opentracing.TextMap, headers) })
			if have > path.extract {
				t.Errorf("extracting allocates %v times, want %v", have, path.extract)
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

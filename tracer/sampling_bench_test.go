package tracer_test

import (
	"runtime"
	"testing"

	"github.com/opentracing/opentracing-go"

	"bookservice/tracer"
)

// samplers are settings with which the traces are not recorded.
var samplers = map[string]func(*tracer.Config){
	"never":       func(c *tracer.Config) { c.Sampler.Kind = tracer.SamplerNever },
	"probability": func(c *tracer.Config) { c.Sample = 1e-12 },
	"ratelimited": func(c *tracer.Config) {
		c.Sampler.Kind, c.Sampler.Rate = tracer.SamplerRateLimited, 1e-6
	},
	"parent":     func(c *tracer.Config) { c.Sampler.Kind = tracer.SamplerParent },
	"operations": func(c *tracer.Config) { c.Sampler.Operations = "x=1,get=never,get*=1,g*=0.1" },
}

// TestUnsampledSpanIsOneSmallAllocation counts the allocations of a span and their size.
func TestUnsampledSpanIsOneSmallAllocation(t *testing.T) {
	for name, change := range samplers {
		tr, _ := memory(t, change)
		tr.StartSpan("get").Finish() // the rate limit accepts the first trace
		if n := testing.AllocsPerRun(1000, func() { tr.StartSpan("get").Finish() }); n != 1 {
			t.Errorf("%s: have %v allocations, want only the span", name, n)
		}
		const spans = 1000
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range spans {
			tr.StartSpan("get").Finish()
		}
		runtime.ReadMemStats(&after)
		// Other goroutines allocate too.
		if size := (after.TotalAlloc - before.TotalAlloc) / spans; size > 128 {
			t.Errorf("%s: have %d bytes for a span, want at most 128", name, size)
		}
	}
}

// BenchmarkStartUnsampled starts spans on all processors. The time of a span must not grow with
// -cpu 1,2,….
func BenchmarkStartUnsampled(b *testing.B) {
	for name, change := range samplers {
		b.Run(name, func(b *testing.B) {
			tr, _ := memory(b, change)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					tr.StartSpan("get").Finish()
				}
			})
		})
	}
	b.Run("noop", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				opentracing.NoopTracer{}.StartSpan("get").Finish()
			}
		})
	})
}

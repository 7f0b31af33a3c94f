package tracer_test

import (
	"testing"

	"github.com/opentracing/opentracing-go"

	"bookservice/tracer"
)

// samplers are the settings whose decisions every service makes all the time. A trace that is not recorded costs its span,
// and nothing for the decision.
var samplers = map[string]func(*tracer.Config){
	"never":       func(c *tracer.Config) { c.Sampler.Kind = tracer.SamplerNever },
	"probability": func(c *tracer.Config) { c.Sample = 1e-12 },
	"ratelimited": func(c *tracer.Config) { c.Sampler.Kind, c.Sampler.Rate = tracer.SamplerRateLimited, 1e-6 },
	"parent":      func(c *tracer.Config) { c.Sampler.Kind = tracer.SamplerParent },
	"operations":  func(c *tracer.Config) { c.Sampler.Operations = "x=1,get=never,get*=1,g*=0.1" },
}

func TestDecisionsAllocateNothing(t *testing.T) {
	for name, change := range samplers {
		tr, _ := memory(t, change)
		tr.StartSpan("get").Finish() // the one that a rate limit lets through
		if n := testing.AllocsPerRun(1000, func() { tr.StartSpan("get").Finish() }); n != 1 {
			t.Errorf("%s: have %v allocations, want the span's alone", name, n)
		}
	}
}

// BenchmarkStartUnsampled starts spans on all processors at once: with -cpu 1,2,… the time of a span must not grow.
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

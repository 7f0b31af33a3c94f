// Package budget measures what tracing costs a call, server and client together: allocations and
// time. Its tests limit the allocations of our tracer, and its benchmarks time calls, also while
// the collector fails.
package budget

import (
	"testing"

	"bookservice/tracer/tracertest/testkit"
)

// A Call is one way to make a call.
type Call struct {
	Name string
	// Limit is how many allocations a call may have; 0 is no limit, for calls to compare with.
	Limit float64
	// Open starts server and client and returns a function that makes one call. Both are closed at
	// the end of the test.
	Open func(testing.TB) func()
}

// Allocations counts the allocations of each call, logs them, and fails the test if one exceeds its
// limit. It returns them by name.
//
// The race detector allocates, too. If it is enabled, Allocations runs the calling test once more
// in a process without it, fails if that fails, and returns nil.
func Allocations(t *testing.T, calls []Call) map[string]float64 {
	t.Helper()
	if testkit.WithoutRaceDetector(t) {
		return nil
	}
	have := map[string]float64{}
	for _, c := range calls {
		call := c.Open(t)
		call() // connects, and fills the pools
		have[c.Name] = testing.AllocsPerRun(3000, call)
		t.Logf("%-26s %.0f allocations", c.Name, have[c.Name])
		if c.Limit > 0 && have[c.Name] > c.Limit {
			t.Errorf("%s: have %.0f allocations a call, want at most %.0f",
				c.Name, have[c.Name], c.Limit)
		}
	}
	return have
}

// Benchmark runs a benchmark of each call.
func Benchmark(b *testing.B, calls []Call) {
	for _, c := range calls {
		b.Run(c.Name, func(b *testing.B) {
			call := c.Open(b)
			call() // connects, and fills the pools
			b.ReportAllocs()
			for b.Loop() {
				call()
			}
		})
	}
}

// Package heap sets the size of the heap below which a command does not collect garbage.
package heap

import (
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

// The runtime's own settings.
const (
	defaultPercent = 100     // GOGC
	defaultMinimum = 4 << 20 // of the heap, with that GOGC
)

// Keep lets the heap grow to about size bytes before garbage is collected, and by as much as is
// live before each further collection, as without Keep. The heap of a small server is 4 MB without
// it, and is collected 40 times a second under load.
//
// Keep has no effect if size is 0, or if the process has a GOGC or GOMEMLIMIT of its own. stop
// restores the default.
func Keep(size int) (stop func()) {
	percent := debug.SetGCPercent(defaultPercent)
	own := percent != defaultPercent || debug.SetMemoryLimit(-1) != math.MaxInt64
	if own || size <= defaultMinimum {
		debug.SetGCPercent(percent)
		return func() {}
	}
	k := &keeper{size: uint64(size), percent: defaultPercent}
	k.set(defaultMinimum, 0)
	k.watch()
	return func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.stopped = true
		debug.SetGCPercent(defaultPercent)
	}
}

// A keeper sets the GC percentage that leads to a heap of at least size bytes.
type keeper struct {
	size    uint64
	percent int

	mu      sync.Mutex
	stopped bool
}

// watch adjusts the percentage after each garbage collection, which an unreachable object reveals.
func (k *keeper) watch() {
	runtime.AddCleanup(&struct{ k *keeper }{}, func(k *keeper) {
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.stopped {
			return
		}
		samples := []metrics.Sample{
			{Name: "/gc/heap/live:bytes"},
			{Name: "/gc/scan/stack:bytes"},
			{Name: "/gc/scan/globals:bytes"},
		}
		metrics.Read(samples)
		k.set(samples[0].Value.Uint64(), samples[1].Value.Uint64()+samples[2].Value.Uint64())
		k.watch()
	}, k)
}

// set sets the percentage for a heap with so many live bytes, and so many bytes of stacks and
// globals. It leaves small changes alone, because each change stops all goroutines for a moment.
func (k *keeper) set(live, roots uint64) {
	percent := defaultPercent
	if 2*live < k.size {
		// The runtime collects at the larger one of two sizes (package runtime/debug, GOGC).
		ofMinimum := 100 * k.size / defaultMinimum
		ofGrowth := 100 * (k.size - live) / max(live+roots, 1)
		percent = max(percent, int(min(ofMinimum, ofGrowth)))
	}
	if diff := percent - k.percent; 8*max(diff, -diff) <= k.percent && percent != defaultPercent {
		return
	}
	k.percent = percent
	debug.SetGCPercent(percent)
}

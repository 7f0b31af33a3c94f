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

// maxSize is the largest size that Keep uses. It is larger than any memory.
const maxSize = 1 << 50

// Keep lets the heap grow to about size bytes before garbage is collected, and by as much as is
// live before each further collection, as without Keep. The heap of a small server is 4 MB without
// it, and is collected 40 times a second under load. While the live heap grows fast, the heap is up
// to twice as large.
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
	k := &keeper{size: min(uint64(size), maxSize), percent: defaultPercent}
	k.set(readUsage())
	k.watch()
	return func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.stopped = true
		debug.SetGCPercent(defaultPercent)
		debug.SetMemoryLimit(math.MaxInt64)
	}
}

// A usage is what the process used at the end of the last collection.
type usage struct {
	live  uint64 // bytes of the heap
	roots uint64 // bytes of stacks and globals that are scanned
	other uint64 // bytes of memory beside the heap
}

func readUsage() usage {
	samples := []metrics.Sample{
		{Name: "/gc/heap/live:bytes"},
		{Name: "/gc/scan/stack:bytes"},
		{Name: "/gc/scan/globals:bytes"},
		{Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/unused:bytes"},
		{Name: "/memory/classes/heap/free:bytes"},
		{Name: "/memory/classes/heap/released:bytes"},
	}
	metrics.Read(samples)
	n := func(i int) uint64 { return samples[i].Value.Uint64() }
	return usage{live: n(0), roots: n(1) + n(2), other: n(3) - n(4) - n(5) - n(6) - n(7)}
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
		k.set(readUsage())
		k.watch()
	}, k)
}

// set sets the percentage for the usage. It leaves small changes alone, because each change stops
// all goroutines for a moment.
//
// A busy process may run the cleanup late, and the percentage for a small live heap is far too high
// for a large one. A memory limit bounds the heap until then.
func (k *keeper) set(u usage) {
	percent, limit := defaultPercent, int64(math.MaxInt64)
	if 2*u.live < k.size {
		// The runtime collects at the larger one of two sizes (package runtime/debug, GOGC).
		ofMinimum := 100 * k.size / defaultMinimum
		ofGrowth := 100 * (k.size - u.live) / max(u.live+u.roots, 1)
		percent = max(percent, int(min(ofMinimum, ofGrowth, math.MaxInt32)))
	}
	diff := percent - k.percent
	if diff == 0 || percent != defaultPercent && 8*max(diff, -diff) <= k.percent {
		return
	}
	if percent != defaultPercent {
		limit = int64(2*k.size + u.other)
	}
	k.percent = percent
	debug.SetGCPercent(percent)
	debug.SetMemoryLimit(limit)
}

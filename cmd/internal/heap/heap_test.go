package heap_test

import (
	"runtime"
	"runtime/debug"
	"testing"

	"bookservice/cmd/internal/heap"
	"bookservice/tracer/tracertest/testkit"
)

// collections returns how many garbage collections happen while 256 MB are allocated.
func collections() uint32 {
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 256 << 10 {
		sink = make([]byte, 1<<10)
	}
	runtime.ReadMemStats(&after)
	return after.NumGC - before.NumGC
}

var sink []byte

func TestKeepDelaysCollections(t *testing.T) {
	without := collections()
	stop := heap.Keep(32 << 20)
	with := collections()
	stop()
	restored := collections()
	if with == 0 || with > without/3 || restored < without/2 {
		t.Errorf("have %d collections, %d with Keep, %d after it, want a third with it",
			without, with, restored)
	}
}

// A heap that is larger than the size is collected as without Keep.
func TestKeepDoesNotEnlargeALargeHeap(t *testing.T) {
	stop := heap.Keep(32 << 20)
	defer stop()
	large := make([]byte, 64<<20)
	testkit.Eventually(t, "the percentage is the default", func() bool {
		runtime.GC()
		percent := debug.SetGCPercent(100)
		debug.SetGCPercent(percent)
		return percent == 100
	})
	runtime.KeepAlive(large)
}

func TestKeepRespectsTheUser(t *testing.T) {
	for name, set := range map[string]func() (restore func()){
		"GOGC": func() func() {
			old := debug.SetGCPercent(50)
			return func() { debug.SetGCPercent(old) }
		},
		"GOMEMLIMIT": func() func() {
			old := debug.SetMemoryLimit(1 << 30)
			return func() { debug.SetMemoryLimit(old) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer set()()
			want := debug.SetGCPercent(100)
			debug.SetGCPercent(want)
			defer heap.Keep(32 << 20)()
			have := debug.SetGCPercent(want)
			if have != want {
				t.Errorf("have %d percent, want %d", have, want)
			}
		})
	}
}

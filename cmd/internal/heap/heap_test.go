package heap_test

import (
	"context"
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"testing"
	"time"

	"bookservice/cmd/internal/heap"
	"bookservice/tracer/tracertest/testkit"
)

// goal returns the size at which the heap is collected next.
func goal() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/goal:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// collections returns how many garbage collections happen while 256 MB are allocated. A busy
// machine ends collections late, and then there are fewer.
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
	const size = 32 << 20
	runtime.GC()
	if have := goal(); have > size/2 {
		t.Errorf("have a goal of %d bytes without Keep, want less than %d", have, size/2)
	}
	stop := heap.Keep(size)
	if have := goal(); have < size*3/4 {
		t.Errorf("have a goal of %d bytes, want about %d", have, size)
	}
	if have := collections(); have == 0 || have > 256/(32*3/4) {
		t.Errorf("have %d collections of %d bytes in 256 MB", have, size)
	}
	stop()
	runtime.GC()
	if have := goal(); have > size/2 {
		t.Errorf("have a goal of %d bytes after stop, want less than %d", have, size/2)
	}
}

// The size is that of the heap: neither the runtime's own minimum nor the stacks make it larger.
func TestKeepKeepsTheSize(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var stacks sync.WaitGroup
	for range 100 {
		stacks.Go(func() {
			var large [16 << 10]byte
			<-ctx.Done()
			runtime.KeepAlive(&large)
		})
	}
	defer stacks.Wait()
	defer cancel()
	for _, size := range []uint64{8 << 20, 32 << 20, 128 << 20} {
		stop := heap.Keep(int(size))
		testkit.Eventually(t, "the goal is the size", func() bool {
			runtime.GC()
			have := goal()
			return have > size*3/4 && have < size*5/4
		})
		stop()
	}
}

// A percentage for a small live heap would let one that grows fast become several times the size,
// because a busy process runs cleanups late.
func TestAGrowingHeapIsBounded(t *testing.T) {
	if testkit.WithoutRaceDetector(t) {
		return
	}
	const size = 128 << 20
	stop := heap.Keep(size)
	defer stop()
	ctx, cancel := context.WithCancel(t.Context())
	var busy sync.WaitGroup
	defer busy.Wait()
	defer cancel()
	for range 64 { // callers, each with a server
		calls, answers := make(chan int), make(chan int)
		busy.Go(func() {
			for range calls {
				var garbage []byte
				for range 10 {
					garbage = make([]byte, 1<<10)
				}
				runtime.KeepAlive(garbage)
				for begin := time.Now(); time.Since(begin) < 50*time.Microsecond; {
				}
				answers <- 1
			}
		})
		busy.Go(func() {
			defer close(calls)
			for ctx.Err() == nil {
				calls <- 1
				<-answers
			}
		})
	}
	objects := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	watch := func(d time.Duration, what string) {
		t.Helper()
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for end := time.Now().Add(d); time.Now().Before(end); <-tick.C {
			metrics.Read(objects)
			if have := objects[0].Value.Uint64(); have > 5*size/2 {
				t.Fatalf("%s: have %d bytes, want at most about twice %d", what, have, size)
			}
		}
	}
	for range 2 {
		watch(400*time.Millisecond, "a small heap")
		live := make([][]byte, size*4/10>>20)
		for i := range live {
			live[i] = make([]byte, 1<<20)
		}
		watch(800*time.Millisecond, "a heap that has grown")
		runtime.KeepAlive(live)
	}
	stop()
	if have := debug.SetMemoryLimit(-1); have != math.MaxInt64 {
		t.Errorf("have a memory limit of %d after stop, want none", have)
	}
}

// Sizes beyond any memory set a percentage, too.
func TestKeepOfAbsurdSizes(t *testing.T) {
	for _, size := range []int{math.MaxInt, math.MaxInt / 51, math.MaxInt / 100, 1 << 30} {
		stop := heap.Keep(size)
		percent := debug.SetGCPercent(100)
		stop()
		if percent <= 100 {
			t.Errorf("%d bytes: have %d percent, want more than 100", size, percent)
		}
	}
}

// The end of a collection that stop runs into does not change the percentage again.
func TestStopIsFinal(t *testing.T) {
	testkit.Slow(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for range 4 { // readers of metrics make the end of a collection last longer
		go func() {
			for ctx.Err() == nil {
				goal()
			}
		}()
	}
	for range 100 {
		stop := heap.Keep(32 << 20)
		runtime.GC() // starts the cleanup
		stop()
		runtime.GC()
		if have := debug.SetGCPercent(100); have != 100 {
			t.Fatalf("have %d percent after stop, want 100", have)
		}
	}
}

// A heap that is larger than the size is collected as without Keep.
func TestKeepDoesNotEnlargeALargeHeap(t *testing.T) {
	stop := heap.Keep(32 << 20)
	defer stop()
	large := make([]byte, 64<<20)
	testkit.Eventually(t, "the percentage is the default", func() bool {
		runtime.GC()
		percent := []metrics.Sample{{Name: "/gc/gogc:percent"}}
		metrics.Read(percent)
		return percent[0].Value.Uint64() == 100
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

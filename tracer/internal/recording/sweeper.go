package recording

import (
	"sync"
	"sync/atomic"
	"time"
)

// sweepEvery is how often a sweeper calls its function.
const sweepEvery = 250 * time.Millisecond

// A sweeper calls a function regularly while there is something to look at.
type sweeper struct {
	sweep func(now time.Time) (more bool)
	awake atomic.Bool // a call is due

	mu      sync.Mutex
	timer   *time.Timer
	stopped bool
}

// wake ensures that a call follows.
func (w *sweeper) wake() {
	if w.awake.Load() || !w.awake.CompareAndSwap(false, true) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.stopped {
		w.timer = time.AfterFunc(sweepEvery, w.tick)
	}
}

func (w *sweeper) tick() {
	w.awake.Store(false) // before the sweep, which sees what was there at an earlier wake
	if w.sweep(time.Now()) {
		w.wake()
	}
}

// stop ends the calls. A call may be in progress.
func (w *sweeper) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
	if w.timer != nil {
		w.timer.Stop()
	}
}

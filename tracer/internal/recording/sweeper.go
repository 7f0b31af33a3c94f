package recording

import (
	"sync"
	"time"
)

// sweepEvery is how often a sweeper calls its function.
const sweepEvery = 250 * time.Millisecond

// A sweeper calls a function regularly while there is something to look at.
type sweeper struct {
	sweep func(now time.Time)

	mu      sync.Mutex
	n       int // things to look at
	timer   *time.Timer
	stopped bool
}

func (w *sweeper) add() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.n++
	if w.timer == nil && !w.stopped {
		w.timer = time.AfterFunc(sweepEvery, w.tick)
	}
}

func (w *sweeper) remove() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.n--
}

func (w *sweeper) tick() {
	w.sweep(time.Now())
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer = nil; w.n > 0 && !w.stopped {
		w.timer = time.AfterFunc(sweepEvery, w.tick)
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

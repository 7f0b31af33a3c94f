package client

import (
	"sync"
	"time"
)

// A watched call does what is due at a time, and returns the time at which it is due again, or the
// zero time.
type watched interface {
	overdue(now time.Time) time.Time
}

// A watch calls the method overdue of a call at a time, unless it is disarmed before. Watches are
// reused, and their timers keep running between calls: to start and stop a timer costs more than
// the rest of a watch. Most calls end before their time, so a timer mostly fires for a call that
// has ended, or too early for the present one, and is then set to the time of that.
type watch struct {
	timer *time.Timer

	mu   sync.Mutex
	call watched   // nil if disarmed
	at   time.Time // when call is overdue
	due  time.Time // when the timer fires at the latest; zero if it may not be running
}

func newWatch() any {
	w := &watch{}
	w.timer = time.AfterFunc(time.Hour, w.run)
	w.timer.Stop()
	return w
}

// arm makes w call cl.overdue at the time at.
func (w *watch) arm(cl watched, now, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.call = cl
	w.setLocked(now, at)
}

func (w *watch) setLocked(now, at time.Time) {
	w.at = at
	if w.due.IsZero() || at.Before(w.due) {
		w.due = at
		w.timer.Reset(at.Sub(now))
	}
}

// disarm returns after a call of overdue has ended. There is none afterwards.
func (w *watch) disarm() {
	w.mu.Lock()
	w.call = nil
	w.mu.Unlock()
}

// run is the function of the timer.
func (w *watch) run() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.due = time.Time{}
	if w.call == nil {
		return
	}
	now := time.Now()
	at := w.at
	if !now.Before(at) {
		if at = w.call.overdue(now); at.IsZero() {
			w.call = nil
			return
		}
	}
	w.setLocked(now, at)
}

package delivery

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// A job is a batch in the hands of a sender, in as many parts as it has been split into. The queue's lock guards it.
type job struct {
	parts  []Batch       // that nothing has become of yet, in order
	whole  Batch         // all of it; its memory is used again
	file   *spoolFile    // where it is on disk, nil for nowhere
	begun  bool          // the file has more than what is left
	secure chan struct{} // while the spooler writes it; closed then
}

// sendAll is a sender.
func (q *Queue) sendAll() {
	for {
		j, ok := q.take()
		if !ok {
			return
		}
		for len(j.parts) > 0 && q.deliver(j) {
		}
		q.finish(j)
	}
}

// take waits for the oldest batch, and returns false when there will be none. The disk may be slow: nothing is asked of it
// while the lock is held, for which Add would have to wait.
func (q *Queue) take() (*job, bool) {
	for {
		q.mu.Lock()
		changes, onDisk := q.changes, q.stats.Spooled > 0 && !q.stopped
		q.mu.Unlock()
		more := false
		if onDisk {
			var f *spoolFile
			if f, more = q.spool.take(q.reserve); f != nil {
				return q.load(f), true
			}
		}
		if j, ended := q.takeFromMemory(changes, more); j != nil || ended {
			return j, j != nil
		}
	}
}

// reserve makes room in memory for a file. One that is larger than all of it has to wait for the queue to be empty.
func (q *Queue) reserve(size int64) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.bytes > 0 && int64(q.bytes)+size > int64(q.cfg.QueueBytes) {
		return false
	}
	q.bytes += int(size)
	return true
}

// takeFromMemory takes the oldest batch in memory. Without one it waits, unless something has changed since, and reports
// whether all has ended: not while there is more on disk, or may come back from there.
func (q *Queue) takeFromMemory(changes uint64, more bool) (j *job, ended bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.stopped {
		return nil, true
	}
	if b, ok := q.oldest(); ok {
		j = &job{parts: []Batch{b}, whole: b}
		q.jobs[j] = true
		return j, false
	}
	if q.changes != changes {
		return nil, false
	}
	if q.closing && !more && q.writing == 0 {
		return nil, true
	}
	q.ready.Wait()
	return nil, false
}

// oldest takes the oldest batch in memory that is complete, old enough, or the last. The caller holds the lock.
func (q *Queue) oldest() (b Batch, ok bool) {
	if len(q.sealed) == 0 && (q.closing || time.Since(q.open.since) >= q.cfg.BatchAge) {
		q.seal()
	}
	if len(q.sealed) == 0 {
		return b, false
	}
	return q.shift(), true
}

// load reads a file of the spool into a job. What cannot be read any more is dropped.
func (q *Queue) load(f *spoolFile) *job {
	b, err := f.read(q.log)
	q.mu.Lock()
	defer q.mu.Unlock()
	if err != nil {
		q.err = err
	}
	if gone := f.records - b.Len(); gone > 0 {
		q.stats.Spooled -= uint64(gone)
		q.drop(gone, SpoolDamaged)
	}
	q.bytes += b.cost() - int(f.size)
	j := &job{whole: b, file: f}
	if b.Len() > 0 {
		j.parts = []Batch{b}
	}
	q.jobs[j] = true
	return j
}

// deliver makes attempts with the first part of the job until something has become of it. It reports false when there may
// be no further one.
func (q *Queue) deliver(j *job) bool {
	wait := q.cfg.MinBackoff
	for q.admitted() {
		start := time.Now()
		err := q.attempt(j.parts[0])
		o := q.outcome(j, err, time.Since(start), wait)
		if o.settled {
			return true
		}
		var ok bool
		if wait, ok = q.pause(o, wait); !ok {
			return false
		}
	}
	return false
}

// attempt sends a batch. A panic in Send is the fault of one of its records.
func (q *Queue) attempt(b Batch) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = &SendError{Kind: Bisect, Err: fmt.Errorf("panic: %v", cause)}
		}
	}()
	return q.send(q.ctx, b)
}

// admitted waits until the destination wants to be asked, whichever batch it said that of, or for the beginning of Close.
// It returns false when there may be no attempt any more.
func (q *Queue) admitted() bool {
	q.mu.Lock()
	wait, stopped := time.Until(q.notBefore), q.stopped
	q.mu.Unlock()
	if wait > 0 && !stopped {
		return wakes(q.ctx, wait, q.hurry, nil)
	}
	return !stopped
}

// pause waits before the next attempt, and returns the backoff after that; or false when there may be no other. The
// beginning of Close cuts it short, and so does another sender's success, unless the destination asked for the time.
func (q *Queue) pause(o outcome, backoff time.Duration) (next time.Duration, ok bool) {
	q.mu.Lock()
	back, hurry := q.back, q.hurry
	if q.closing {
		hurry = nil // that was before
	}
	if o.asked {
		back = nil
	}
	q.mu.Unlock()
	ok = wakes(q.ctx, o.pause, hurry, back)
	select {
	case <-hurry:
		return q.cfg.MinBackoff, ok
	default:
		return min(2*backoff, q.cfg.MaxBackoff), ok
	}
}

// wakes waits for the time to pass, or one of the channels to be closed, and reports false when ctx has ended.
func wakes(ctx context.Context, d time.Duration, early, orEarly <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-early:
	case <-orEarly:
	case <-timer.C:
	}
	return ctx.Err() == nil
}

// jittered is half to the whole of a backoff, so that many processes do not come back at once.
func jittered(backoff time.Duration) time.Duration { return backoff/2 + rand.N(backoff/2+1) }

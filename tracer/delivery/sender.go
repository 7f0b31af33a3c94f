package delivery

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// A job is a batch that a sender is sending. The queue's lock guards it.
type job struct {
	parts      []Batch       // the unsent parts, in order; more than one after a split
	whole      Batch         // all spans; its memory is recycled
	file       *spoolFile    // the file that holds the spans, or nil
	partlyDone bool          // some of the spans in file are sent or dropped
	spooling   chan struct{} // not nil while the spooler writes the job; closed afterwards
}

// runSender is the goroutine of a sender.
func (q *Queue) runSender() {
	for {
		j, ok := q.nextJob()
		if !ok {
			return
		}
		for len(j.parts) > 0 && q.deliver(j) {
		}
		q.releaseJob(j)
	}
}

// nextJob waits for a batch. Batches of the spool come first. It returns false when the sender must
// end. It does not hold the queue's lock during disk operations, because Add needs the lock.
func (q *Queue) nextJob() (*job, bool) {
	for {
		q.mu.Lock()
		generation, onDisk := q.generation, q.stats.Spooled > 0 && !q.stopped
		q.mu.Unlock()
		more := false
		if onDisk {
			var f *spoolFile
			if f, more = q.spool.take(q.reserve); f != nil {
				return q.load(f), true
			}
		}
		if j, end := q.nextFromMemory(generation, more); j != nil || end {
			return j, j != nil
		}
	}
}

// reserve reserves memory for a file of this size. It returns false if Config.QueueBytes would be
// exceeded, unless no other spans are in memory: the file may be larger than Config.QueueBytes.
func (q *Queue) reserve(size int64) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.bytes > 0 && int64(q.bytes)+size > int64(q.cfg.QueueBytes) {
		return false
	}
	q.bytes += int(size)
	return true
}

// nextFromMemory takes the oldest batch in memory. Without one it waits, unless the spool's state
// has changed since generation. end reports that the sender must end: sending has stopped, or the
// queue is closing and neither memory nor spool can have another batch. more reports whether the
// spool has a file.
func (q *Queue) nextFromMemory(generation uint64, more bool) (j *job, end bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.stopped {
		return nil, true
	}
	if b, ok := q.nextBatch(); ok {
		j = &job{parts: []Batch{b}, whole: b}
		q.jobs[j] = true
		return j, false
	}
	if q.generation != generation {
		return nil, false
	}
	if q.closeCalled && !more && q.spooling == 0 {
		return nil, true
	}
	q.work.Wait()
	return nil, false
}

// nextBatch takes the oldest batch that is full or old enough, or any if the queue is closing. The
// caller holds the lock.
func (q *Queue) nextBatch() (b Batch, ok bool) {
	due := q.closeCalled || time.Since(q.open.firstAdd) >= q.cfg.BatchAge
	if len(q.sealed) == 0 && due {
		q.seal()
	}
	if len(q.sealed) == 0 {
		return b, false
	}
	return q.popSealed(), true
}

// load reads a file of the spool into a job. It drops the spans that are no longer readable.
func (q *Queue) load(f *spoolFile) *job {
	data, err := q.spool.files.ReadFile(f.path)
	b, d := readFrames(data)
	// The file holds more spans if a failed write was not rolled back. They are still in memory.
	b = b.truncate(f.spans)
	lost := f.spans - b.Len()
	j := &job{whole: b, file: f}
	switch {
	case err != nil:
		q.warn("spool file not readable", "err", err)
		q.spool.forget(f)
		j.file = nil
	case lost > 0 || d != f.damage:
		f.spans, f.damage = b.Len(), d
		q.warn(damagedMsg, f.damagedArgs()...)
	}

	q.mu.Lock()
	defer q.mu.Unlock()
	if err != nil {
		q.lastErr = err
	}
	if lost > 0 {
		q.stats.Spooled -= uint64(lost)
		q.drop(lost, SpoolDamaged)
	}
	q.bytes += b.cost() - int(f.size) // reserve has added f.size
	if b.Len() > 0 {
		j.parts = []Batch{b}
	}
	return j
}

// deliver sends the first part of j until it is sent, dropped or split. It returns false if the
// queue has stopped sending before that.
func (q *Queue) deliver(j *job) bool {
	backoff := q.cfg.MinBackoff
	for q.waitAllowed() {
		start := time.Now()
		err := q.attempt(j.parts[0])
		o := q.handle(j, err, time.Since(start), backoff)
		if o.done {
			return true
		}
		var ok bool
		if backoff, ok = q.waitRetry(o, backoff); !ok {
			return false
		}
	}
	return false
}

// attempt sends b. A panic of the SendFunc is treated as a malformed span in b.
func (q *Queue) attempt(b Batch) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = &SendError{Kind: Bisect, Err: fmt.Errorf("panic: %v", cause)}
		}
	}()
	return q.send(q.ctx, b)
}

// waitAllowed waits until the time that the destination requested for any batch, or until Close is
// called. It returns false if the queue has stopped sending.
func (q *Queue) waitAllowed() bool {
	q.mu.Lock()
	wait, stopped := time.Until(q.notBefore), q.stopped
	q.mu.Unlock()
	if wait > 0 && !stopped {
		return waitOrWake(q.ctx, wait, q.closing, nil)
	}
	return !stopped
}

// waitRetry waits for the delay of o and returns the next backoff. It returns false if the queue
// has stopped sending. A call of Close ends the wait; so does the success of another sender, unless
// the destination requested the delay.
func (q *Queue) waitRetry(o outcome, backoff time.Duration) (next time.Duration, ok bool) {
	q.mu.Lock()
	recovered, closing := q.recovered, q.closing
	if q.closeCalled {
		closing = nil // Close ends only the waits that began before it
	}
	if o.requested {
		recovered = nil
	}
	q.mu.Unlock()
	ok = waitOrWake(q.ctx, o.delay, closing, recovered)
	select {
	case <-closing:
		return q.cfg.MinBackoff, ok
	default:
		return min(2*backoff, q.cfg.MaxBackoff), ok
	}
}

// waitOrWake waits for d, or until one of the channels is closed. It returns false if ctx has
// ended.
func waitOrWake(ctx context.Context, d time.Duration, wake1, wake2 <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-wake1:
	case <-wake2:
	case <-timer.C:
	}
	return ctx.Err() == nil
}

// jitter returns a random duration between half of backoff and backoff, so that many processes do
// not retry at the same time.
func jitter(backoff time.Duration) time.Duration { return backoff/2 + rand.N(backoff/2+1) }

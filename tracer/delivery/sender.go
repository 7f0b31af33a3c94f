package delivery

import (
	"context"
	"math/rand/v2"
	"time"
)

// runSender is the goroutine of a sender. It never waits for the disk.
func (q *Queue) runSender() {
	for {
		j := q.nextJob()
		if j == nil {
			return
		}
		var o outcome
		more := true
		for more && !o.park {
			o, more = q.deliver(j)
		}
		q.release(j, o.park)
		if o.park {
			q.wait(o, 0)
		}
	}
}

// nextJob waits for a job. It returns nil when the sender must end: sending has stopped, or the
// queue is closing and neither memory nor spool can have another job.
func (q *Queue) nextJob() *job {
	q.mu.Lock()
	defer q.mu.Unlock()
	for !q.stopped {
		if j := q.takeJob(); j != nil {
			j.taken = true
			q.jobs[j] = true
			return j
		}
		if q.closeCalled && !q.mayHaveJobs() {
			q.work.Broadcast()
			return nil
		}
		q.idle++
		q.readerWork.Signal()
		q.work.Wait()
		q.idle--
	}
	return nil
}

// takeJob takes the next job that can be sent, or nil. Jobs of the spool come first if the reader
// has loaded them. The caller holds the lock.
func (q *Queue) takeJob() *job {
	if j := popFirst(&q.loaded); j != nil {
		q.readerWork.Signal()
		return j
	}
	if len(q.waiting) == 0 && (q.closeCalled || time.Since(q.open.firstAdd) >= q.cfg.BatchAge) {
		q.seal()
	}
	if j := popFirst(&q.waiting); j != nil {
		return j
	}
	if j := q.appending; j != nil && time.Since(q.appendingSince) >= reclaimAfter {
		q.appending = nil // the writer removes it from the file when the disk answers
		return j
	}
	return q.takeParked()
}

// mayHaveJobs reports whether takeJob can return another job later, apart from jobs that other
// senders have. The caller holds the lock.
func (q *Queue) mayHaveJobs() bool {
	return len(q.parked) > 0 || q.appending != nil ||
		q.spool != nil && (q.reading || len(q.files) > 0 || q.currentSpans > 0)
}

// popFirst removes and returns the first job, or nil.
func popFirst(jobs *[]*job) *job {
	if len(*jobs) == 0 {
		return nil
	}
	j := (*jobs)[0]
	(*jobs)[0] = nil // releases its memory, which the array would keep
	*jobs = (*jobs)[1:]
	return j
}

// deliver makes one attempt to send the first part of j and waits for the next, if one is needed.
// more is false when j is complete, set aside, or the queue has stopped sending.
func (q *Queue) deliver(j *job) (o outcome, more bool) {
	backoff := q.cfg.MinBackoff
	for q.waitAllowed() {
		a := q.begin(j)
		if a == nil {
			break
		}
		a.run()
		if o = q.handle(a, backoff); o.done {
			return o, len(j.parts) > 0 && !o.park
		}
		if backoff, more = q.wait(o, backoff); !more {
			break
		}
	}
	return o, false
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

// wait waits for the delay of o and returns the next backoff. It returns false if the queue has
// stopped sending. A call of Close ends the wait; so does the success of another sender, unless the
// destination requested the delay.
func (q *Queue) wait(o outcome, backoff time.Duration) (next time.Duration, ok bool) {
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

// release ends the work of a sender on j: j is complete, is parked, or the queue has stopped
// sending.
func (q *Queue) release(j *job, park bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	j.taken = false
	switch {
	case len(j.parts) == 0:
		delete(q.jobs, j)
		q.discard(j)
	case park:
		q.park(j)
	default:
		delete(q.jobs, j)
		q.remaining = append(q.remaining, j)
	}
}

// discard releases what a complete job holds. The caller holds the lock.
func (q *Queue) discard(j *job) {
	if j.writing {
		return // the writer calls discard
	}
	if j.file != nil {
		q.removals = append(q.removals, j.file)
		q.readerWork.Signal()
	}
	if j.sends == 0 {
		q.recycle(j.whole)
	}
	j.whole = Batch{}
}

package delivery

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// firstTimeout is the time-out of the first attempts.
	firstTimeout = 10 * time.Second
	// abandonAfter is how long a Send may run after its context has ended.
	abandonAfter = time.Second
	// maxAbandoned is how many abandoned Sends may run when another attempt begins.
	maxAbandoned = 64
)

// An attempt is one call of the SendFunc.
type attempt struct {
	q       *Queue
	job     *job
	batch   Batch
	timeout time.Duration
	parent  context.Context // of the context of the SendFunc

	err      error
	took     time.Duration
	timedOut bool

	ended     bool // the SendFunc has returned; the queue's lock guards it
	abandoned bool // nothing waits for the SendFunc; the queue's lock guards it
}

// begin prepares an attempt to send the first part of j. It waits while too many abandoned Sends
// run. It returns nil if the queue has stopped sending.
func (q *Queue) begin(j *job) *attempt {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.abandoned >= maxAbandoned && !q.stopped {
		q.returned.Wait()
	}
	if q.stopped {
		return nil
	}
	j.sends++
	return &attempt{
		q: q, job: j, batch: j.parts[0].Batch, timeout: q.timeout, parent: q.withLosses(),
	}
}

// run calls the SendFunc and waits until it has returned or is abandoned.
func (a *attempt) run() {
	start := time.Now()
	ctx, cancel := context.WithTimeout(a.parent, a.timeout)
	defer cancel()
	returned := make(chan error, 1)
	go func() {
		err := a.send(ctx)
		a.end()
		returned <- err
	}()
	select {
	case a.err = <-returned:
	case <-ctx.Done():
		a.waitLonger(returned)
	}
	a.took = time.Since(start)
	a.timedOut = a.err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded)
}

// send calls the SendFunc. A panic is treated as a malformed span in the batch.
func (a *attempt) send(ctx context.Context) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = &SendError{Kind: Bisect, Err: fmt.Errorf("panic: %v", cause)}
		}
	}()
	return a.q.send(ctx, a.batch)
}

// waitLonger waits for the SendFunc after its context has ended, and abandons it if it does not
// return.
func (a *attempt) waitLonger(returned <-chan error) {
	timer := time.NewTimer(abandonAfter)
	defer timer.Stop()
	select {
	case a.err = <-returned:
		return
	case <-timer.C:
	case <-a.q.sendLate:
	}
	a.q.mu.Lock()
	defer a.q.mu.Unlock()
	if a.ended {
		a.err = <-returned
		return
	}
	a.abandoned = true
	a.q.abandoned++
	a.q.stats.Abandoned++
	a.q.report(abandoned)
	a.err = errors.New("the send function has not returned after its context ended")
}

// end counts the SendFunc as returned.
func (a *attempt) end() {
	q, j := a.q, a.job
	q.mu.Lock()
	defer q.mu.Unlock()
	a.ended, a.batch = true, Batch{}
	if a.abandoned {
		q.abandoned--
		q.returned.Broadcast()
	}
	if j.sends--; j.sends == 0 && !q.final {
		q.bytes -= j.pinned
		j.pinned = 0
	}
}

// adaptTimeout changes the time-out of the next attempts after an attempt: two time-outs in a row
// double it, and a success that took less than half of it shortens it. Attempts with a former
// time-out do not count. The caller holds the lock.
func (q *Queue) adaptTimeout(a *attempt) {
	switch {
	case !a.timedOut:
		q.timeouts = 0
		if a.err == nil {
			shortest := min(firstTimeout, q.cfg.SendTimeout)
			q.timeout = min(q.timeout, max(shortest, 2*a.took))
		}
	case a.timeout == q.timeout:
		if q.timeouts++; q.timeouts == 2 {
			q.timeout, q.timeouts = min(2*q.timeout, q.cfg.SendTimeout), 0
		}
	}
}

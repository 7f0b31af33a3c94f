package delivery

import "time"

// An outcome is the result of an attempt to send the first part of a job.
type outcome struct {
	done      bool          // the part was sent, dropped or split; otherwise it is sent again
	delay     time.Duration // before the part is sent again
	requested bool          // the destination requested the delay
}

// handle acts on err, the result of an attempt to send the first part of j.
func (q *Queue) handle(j *job, err error, took, backoff time.Duration) outcome {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stats.Latency.observe(took)
	if err == nil {
		q.accepted(j, 0)
		return outcome{done: true}
	}
	e := asSendError(err)
	if !q.stopped { // otherwise the error only reports the end of the context
		q.lastErr = e.Err
	}
	switch e.Kind {
	case Partial:
		q.accepted(j, min(max(e.Rejected, 0), j.parts[0].Len()))
	case Drop:
		q.dropPart(j, Refused)
	case Split, Bisect:
		q.splitPart(j, e.Kind)
	default:
		return q.scheduleRetry(e, backoff)
	}
	return outcome{done: true}
}

// accepted counts the first part as sent, except for the rejected spans. After a failure it wakes
// the other senders. The caller holds the lock.
func (q *Queue) accepted(j *job, rejected int) {
	part := j.parts[0]
	q.stats.Sent += uint64(part.Len() - rejected)
	q.stats.Batches++
	q.stats.Bytes += uint64(len(part.data))
	q.configErr = ""
	if rejected > 0 {
		q.drop(rejected, Refused)
	}
	if q.failing {
		q.failing = false
		close(q.recovered)
		q.recovered = make(chan struct{})
	}
	q.finishPart(j)
}

// dropPart drops the first part. The caller holds the lock.
func (q *Queue) dropPart(j *job, reason string) {
	q.drop(j.parts[0].Len(), reason)
	q.finishPart(j)
}

// splitPart halves the first part; a single span is dropped. The caller holds the lock.
func (q *Queue) splitPart(j *job, kind Kind) {
	switch {
	case j.parts[0].Len() > 1:
		first, second := j.parts[0].halve()
		j.parts = append([]Batch{first, second}, j.parts[1:]...)
	case kind == Split:
		q.dropPart(j, TooBig)
	default:
		q.dropPart(j, Refused)
	}
}

// finishPart removes the first part, which was sent or dropped, from j. The caller holds the lock.
func (q *Queue) finishPart(j *job) {
	part := j.parts[0]
	if j.file != nil {
		q.stats.Spooled -= uint64(part.Len())
	} else {
		q.stats.Queued -= uint64(part.Len())
	}
	q.bytes -= part.cost()
	j.parts, j.partlyDone = j.parts[1:], true
	if q.spool != nil {
		q.spoolChanged() // memory may now have room for a file of the spool
	}
}

// scheduleRetry returns when the first part is sent again. The caller holds the lock.
func (q *Queue) scheduleRetry(e *SendError, backoff time.Duration) outcome {
	if q.stopped {
		return outcome{}
	}
	q.stats.Retried++
	q.failing = true
	if e.Kind == RetryAfterFix {
		if text := e.Error(); text != q.configErr {
			q.configErr, q.pendingReport.configErr = text, e.Err
			notify(q.reportC)
		}
		return outcome{delay: q.cfg.MaxBackoff}
	}
	q.pendingReport.retried = true
	notify(q.reportC)
	if e.After <= 0 {
		return outcome{delay: jitter(backoff)}
	}
	if until := time.Now().Add(e.After); until.After(q.notBefore) {
		q.notBefore = until
	}
	return outcome{delay: max(e.After, jitter(backoff)), requested: true}
}

// releaseJob recycles the memory of j if it is complete. Otherwise the queue has stopped sending:
// the unsent parts stay in the spool, or are requeued for spoolRemaining.
func (q *Queue) releaseJob(j *job) {
	q.mu.Lock()
	delete(q.jobs, j)
	if spooling := j.spooling; spooling != nil {
		q.mu.Unlock()
		<-spooling
		q.mu.Lock()
	}
	complete := len(j.parts) == 0
	switch {
	case complete:
		q.recycle(j.whole)
	case j.file == nil:
		q.sealed = append(j.parts, q.sealed...)
	}
	q.mu.Unlock()
	switch {
	case j.file == nil:
	case complete:
		q.removeFile(j.file)
	default:
		q.leaveFile(j)
	}
}

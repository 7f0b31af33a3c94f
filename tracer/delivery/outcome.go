package delivery

import "time"

// An outcome is the result of an attempt to send the first part of a job.
type outcome struct {
	done      bool          // the part was sent, dropped or refused; otherwise it is sent again
	park      bool          // the destination refuses everything: the job is set aside
	delay     time.Duration // before the part is sent again, or before the next job
	requested bool          // the destination requested the delay
}

// handle acts on the result of an attempt.
func (q *Queue) handle(a *attempt, backoff time.Duration) outcome {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stats.Latency.observe(a.took)
	q.adaptTimeout(a)
	j := a.job
	if a.err == nil {
		q.accepted(j, 0)
		return q.judge(j)
	}
	e := asSendError(a.err)
	if !q.stopped { // otherwise the error only reports the end of the context
		q.lastErr = e.Err
	}
	switch e.Kind {
	case Partial:
		q.accepted(j, min(max(e.Rejected, 0), j.parts[0].Len()))
	case Drop:
		q.dropPart(j, Refused)
	case Split, Bisect:
		return q.refuse(j, e.Kind)
	default:
		return q.scheduleRetry(e, backoff)
	}
	return q.judge(j)
}

// accepted counts the first part as sent, except for the rejected spans. After a failure it wakes
// the other senders. The caller holds the lock.
func (q *Queue) accepted(j *job, rejected int) {
	part := j.parts[0]
	q.stats.Sent += uint64(part.Len() - rejected)
	q.stats.Batches++
	q.stats.Bytes += uint64(len(part.data))
	q.configErr, q.refusedInRow, q.refusals, q.prober = "", 0, 0, nil
	if rejected > 0 {
		q.drop(rejected, Refused)
	}
	if q.failing {
		q.failing = false
		close(q.recovered)
		q.recovered = make(chan struct{})
		q.work.Broadcast() // parked jobs may be tried, and the reader may read ahead
	}
	q.finishPart(j)
}

// dropPart drops the first part. The caller holds the lock.
func (q *Queue) dropPart(j *job, reason string) {
	q.drop(j.parts[0].Len(), reason)
	q.finishPart(j)
}

// finishPart removes the first part, which was sent or dropped, from j. The caller holds the lock.
func (q *Queue) finishPart(j *job) {
	part := j.parts[0]
	if j.file != nil {
		q.stats.Spooled -= uint64(part.Len())
	} else {
		q.stats.Queued -= uint64(part.Len())
	}
	if j.sends > 0 { // abandoned Sends, which read the memory of the part
		j.pinned += part.cost()
	} else {
		q.bytes -= part.cost()
	}
	j.parts, j.partlyDone = j.parts[1:], true
	q.readerWork.Signal() // memory may now have room for a file of the spool
}

// scheduleRetry returns when the first part is sent again. The caller holds the lock.
func (q *Queue) scheduleRetry(e *SendError, backoff time.Duration) outcome {
	if q.stopped {
		return outcome{}
	}
	q.stats.Retried++
	q.failing = true
	if e.Kind == RetryAfterFix {
		q.reportRejected(e.Err)
		return outcome{delay: q.cfg.MaxBackoff}
	}
	q.report(retried)
	after := min(e.After, maxRetryAfter)
	if after <= 0 {
		return outcome{delay: jitter(backoff)}
	}
	if until := time.Now().Add(after); until.After(q.notBefore) {
		q.notBefore = until
	}
	return outcome{delay: max(after, jitter(backoff)), requested: true}
}

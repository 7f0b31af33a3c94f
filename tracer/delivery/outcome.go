package delivery

import "time"

// An outcome is what becomes of an attempt.
type outcome struct {
	settled bool          // something has become of the part; otherwise it is to be sent again
	pause   time.Duration // before that
	asked   bool          // for, by the destination
}

// outcome acts upon what Send has returned for the job's first part.
func (q *Queue) outcome(j *job, err error, took, backoff time.Duration) outcome {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stats.Latency.observe(took)
	if err == nil {
		q.taken(j, 0)
		return outcome{settled: true}
	}
	r := asSendError(err)
	if !q.stopped { // else it says only that it was interrupted
		q.err = r.Err
	}
	switch r.Kind {
	case Partial:
		q.taken(j, min(max(r.Rejected, 0), j.parts[0].Len()))
	case Drop:
		q.refuse(j, Refused)
	case Split, Bisect:
		q.divide(j, r.Kind)
	default:
		return q.again(r, backoff)
	}
	return outcome{settled: true}
}

// taken notes that the first part has arrived but for the rejected records, and tells the other senders that the
// destination takes again. The caller holds the lock.
func (q *Queue) taken(j *job, rejected int) {
	part := j.parts[0]
	q.stats.Sent += uint64(part.Len() - rejected)
	q.stats.Batches++
	q.stats.Bytes += uint64(len(part.data))
	q.mistake = ""
	if rejected > 0 {
		q.drop(rejected, Refused)
	}
	if q.failing {
		q.failing = false
		close(q.back)
		q.back = make(chan struct{})
	}
	q.settle(j)
}

// refuse drops the first part. The caller holds the lock.
func (q *Queue) refuse(j *job, reason string) {
	q.drop(j.parts[0].Len(), reason)
	q.settle(j)
}

// divide halves the first part, or drops it when it is a single record. The caller holds the lock.
func (q *Queue) divide(j *job, kind Kind) {
	switch {
	case j.parts[0].Len() > 1:
		first, second := j.parts[0].halves()
		j.parts = append([]Batch{first, second}, j.parts[1:]...)
	case kind == Split:
		q.refuse(j, TooBig)
	default:
		q.refuse(j, Refused)
	}
}

// settle takes the first part off the job: something has become of it. The caller holds the lock.
func (q *Queue) settle(j *job) {
	part := j.parts[0]
	if j.file != nil {
		q.stats.Spooled -= uint64(part.Len())
	} else {
		q.stats.Queued -= uint64(part.Len())
	}
	q.bytes -= part.cost()
	j.parts, j.begun = j.parts[1:], true
	if q.spool != nil {
		q.changed() // there may be room for what is on disk
	}
}

// again says when the part is to be sent again. The caller holds the lock.
func (q *Queue) again(r *SendError, backoff time.Duration) outcome {
	if q.stopped {
		return outcome{}
	}
	q.stats.Retried++
	q.failing = true
	if r.Kind == RetryAfterFix {
		if text := r.Error(); text != q.mistake {
			q.mistake, q.unsaid.mistake = text, r.Err
			wake(q.trouble)
		}
		return outcome{pause: q.cfg.MaxBackoff}
	}
	q.unsaid.retried = true
	wake(q.trouble)
	if r.After <= 0 {
		return outcome{pause: jittered(backoff)}
	}
	if until := time.Now().Add(r.After); until.After(q.notBefore) {
		q.notBefore = until
	}
	return outcome{pause: max(r.After, jittered(backoff)), asked: true}
}

// finish gives a job out of hand: done with, or to be left to somebody else.
func (q *Queue) finish(j *job) {
	q.mu.Lock()
	delete(q.jobs, j)
	if writing := j.secure; writing != nil {
		q.mu.Unlock()
		<-writing
		q.mu.Lock()
	}
	done := len(j.parts) == 0
	switch {
	case done:
		q.reuse(j.whole)
	case j.file == nil:
		q.sealed = append(j.parts, q.sealed...)
	}
	q.mu.Unlock()
	switch {
	case j.file == nil:
	case done:
		q.remove(j.file)
	default:
		q.leaveFile(j)
	}
}

package delivery

import (
	"errors"
	"slices"
	"time"
)

// The spooler is a goroutine that writes spans to the spool. Add and the senders do not wait for
// its disk operations.

// spoolRetryDelay is the pause of the spooler after a failed write.
const spoolRetryDelay = time.Second

// openSpool opens the spool and counts the spans of an earlier process.
func (q *Queue) openSpool(files fileSystem) error {
	s, err := openSpool(q.cfg, files)
	if err != nil {
		return err
	}
	spans, damaged, err := s.scan(q.log)
	if err != nil {
		return errors.Join(err, s.close())
	}
	q.spool = s
	q.stats.Added = uint64(spans + damaged)
	q.stats.Recovered, q.stats.Spooled = uint64(spans), uint64(spans)
	if damaged > 0 {
		q.drop(damaged, SpoolDamaged)
	}
	if spans > 0 {
		q.log.Info("spans found in the spool", "spans", spans)
	}
	return nil
}

// runSpooler is the goroutine of the spooler. It returns when all senders have returned.
func (q *Queue) runSpooler() {
	tick := time.NewTicker(max(q.cfg.SpoolSync/4, 1))
	defer tick.Stop()
	for {
		memoryLow := false
		select {
		case <-tick.C:
		case <-q.memoryLow:
			memoryLow = true
		case <-q.sendersDone:
			return
		}
		err := q.spoolOlder(time.Now().Add(-q.cfg.SpoolSync*3/4), memoryLow)
		if err == nil {
			continue
		}
		q.reportSpoolErr(err)
		select {
		case <-time.After(spoolRetryDelay):
		case <-q.sendersDone:
			return
		}
	}
}

// spoolOlder writes the batches whose first span was added before limit to the spool. If memoryLow
// is true, it also writes all other batches that no sender has taken. It stops at the first error.
func (q *Queue) spoolOlder(limit time.Time, memoryLow bool) error {
	for _, j := range q.jobsOlder(limit) {
		if err := q.spoolJob(j); err != nil {
			return err
		}
	}
	for {
		b, ok := q.nextToSpool(limit, memoryLow)
		if !ok {
			return nil
		}
		err := q.spool.append(b, q.markSpooled)
		q.releaseBatch(b, err == nil)
		if err != nil {
			return err
		}
	}
}

// jobsOlder returns the jobs whose first span was added before limit and that are not in the spool.
func (q *Queue) jobsOlder(limit time.Time) (jobs []*job) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for j := range q.jobs {
		if j.file == nil && len(j.parts) > 0 && j.whole.firstAdd.Before(limit) {
			jobs = append(jobs, j)
		}
	}
	return jobs
}

// spoolJob writes the unsent parts of j to a file, while a sender tries to send them.
func (q *Queue) spoolJob(j *job) error {
	q.mu.Lock()
	if !q.jobs[j] || len(j.parts) == 0 {
		q.mu.Unlock()
		return nil // it has been sent in the meantime
	}
	j.spooling = make(chan struct{})
	parts := slices.Clone(j.parts)
	q.mu.Unlock()
	b := join(parts)
	f, err := q.spool.writeFile(b)

	q.mu.Lock()
	defer q.mu.Unlock()
	if err == nil {
		left := countSpans(j.parts)
		j.file, j.partlyDone = f, left < b.Len()
		q.stats.Queued -= uint64(left)
		q.stats.Spooled += uint64(left)
	}
	close(j.spooling)
	j.spooling = nil
	return err
}

// nextToSpool takes the oldest batch from memory if its first span was added before limit, or if
// memoryLow is true.
func (q *Queue) nextToSpool(limit time.Time, memoryLow bool) (b Batch, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.sealed) == 0 && (memoryLow || q.open.firstAdd.Before(limit)) {
		q.seal()
	}
	if q.stopped || len(q.sealed) == 0 || !memoryLow && !q.sealed[0].firstAdd.Before(limit) {
		return b, false
	}
	q.spooling++
	return q.popSealed(), true
}

// releaseBatch recycles a batch of the spooler if it was written, otherwise requeues it.
func (q *Queue) releaseBatch(b Batch, written bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.spooling--
	if written {
		q.recycle(b)
	} else {
		q.sealed = append([]Batch{b}, q.sealed...)
	}
	q.spoolChanged()
}

// markSpooled counts the spans of b as spooled instead of queued.
func (q *Queue) markSpooled(b Batch) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stats.Queued -= uint64(b.Len())
	q.stats.Spooled += uint64(b.Len())
	q.bytes -= b.cost()
}

func (q *Queue) removeFile(f *spoolFile) {
	if err := q.spool.remove(f); err != nil {
		q.warn("spool file not removed, its spans may be sent again", "err", err)
	}
}

// leaveFile leaves the unsent parts of j in the spool for the next process.
func (q *Queue) leaveFile(j *job) {
	if j.partlyDone {
		if _, err := q.spool.writeFile(join(j.parts)); err == nil {
			q.removeFile(j.file)
		} // otherwise the whole file stays, and the next process sends some spans again
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, part := range j.parts {
		q.bytes -= part.cost()
	}
}

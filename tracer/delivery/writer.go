package delivery

import (
	"errors"
	"slices"
	"time"
)

const (
	// spoolRetryDelay is the pause of the writer after a failed write.
	spoolRetryDelay = time.Second
	// reclaimAfter is how long a batch may wait for the disk while a sender has nothing to send.
	reclaimAfter = 50 * time.Millisecond
	// slowOperation is how long an operation of the disk may take before it is logged.
	slowOperation = time.Second
)

// openSpool opens the spool and counts the spans of an earlier process.
func (q *Queue) openSpool(files fileSystem) error {
	s, err := openSpool(q.cfg, files)
	if err != nil {
		return err
	}
	found, damaged, err := s.scan(q.log)
	if err != nil {
		return errors.Join(err, s.close())
	}
	spans := 0
	for _, f := range found {
		spans += f.spans
	}
	q.spool, q.files = s, found
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

// runWriter is the goroutine that writes spans to the spool. When all senders have ended, it writes
// the remaining spans and closes the spool.
func (q *Queue) runWriter() {
	tick := time.NewTicker(max(q.cfg.SpoolSync/4, 1))
	defer tick.Stop()
	var pausedUntil time.Time
	for {
		memoryLow := false
		select {
		case <-tick.C:
		case <-q.memoryLow:
			memoryLow = true
		case <-q.sealWanted:
			q.sealCurrent()
			continue
		case <-q.sendersDone:
			q.closeSpool()
			return
		}
		if time.Now().Before(pausedUntil) {
			continue
		}
		if err := q.spoolOlder(q.spoolLimit(), memoryLow); err != nil {
			q.reportNotWritable(err)
			pausedUntil = time.Now().Add(spoolRetryDelay)
		}
	}
}

// spoolLimit returns the time before which a span must have been added to be written to the spool.
func (q *Queue) spoolLimit() time.Time {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	if !q.spoolAllFrom.IsZero() && now.After(q.spoolAllFrom) {
		return now
	}
	return now.Add(-q.cfg.SpoolSync * 3 / 4)
}

// spoolOlder writes the batches whose first span was added before limit to the spool. If memoryLow
// is true, it also writes all other batches that no sender has taken. It stops at the first error.
func (q *Queue) spoolOlder(limit time.Time, memoryLow bool) error {
	for _, j := range q.jobsOlder(limit) {
		if err := q.writeJob(j); err != nil {
			return err
		}
	}
	for {
		j := q.nextToAppend(limit, memoryLow)
		if j == nil {
			return nil
		}
		if err := q.append(j); err != nil {
			return err
		}
	}
}

// jobsOlder returns the jobs of senders whose first span was added before limit and that are not in
// the spool.
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

// writeJob writes the unsent parts of j to a file of its own, while a sender tries to send them.
func (q *Queue) writeJob(j *job) error {
	q.mu.Lock()
	if !q.jobs[j] || len(j.parts) == 0 {
		q.mu.Unlock()
		return nil // it has been sent in the meantime
	}
	j.writing = true
	b := j.rest()
	q.mu.Unlock()
	q.sealCurrent()
	err := q.write(b)
	var f *spoolFile
	if err == nil {
		f = q.spool.seal()
	}

	q.mu.Lock()
	defer q.mu.Unlock()
	j.writing = false
	if q.final {
		return err
	}
	left := j.spans()
	if err == nil {
		j.file, j.partlyDone = f, left < b.Len()
		q.stats.Queued -= uint64(left)
		q.stats.Spooled += uint64(left)
	}
	if left == 0 {
		q.discard(j) // the sender has left it to the writer
	}
	return err
}

// nextToAppend takes the oldest job that no sender has if its first span was added before limit, or
// if memoryLow is true.
func (q *Queue) nextToAppend(limit time.Time, memoryLow bool) *job {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 && (memoryLow || q.open.firstAdd.Before(limit)) {
		q.seal()
	}
	if q.stopped || len(q.waiting) == 0 ||
		!memoryLow && !q.waiting[0].whole.firstAdd.Before(limit) {
		return nil
	}
	q.appending, q.appendingSince = popFirst(&q.waiting), time.Now()
	return q.appending
}

// append moves a job from memory to the current file. If a sender takes the job meanwhile, because
// the disk is slow, the job stays in memory.
func (q *Queue) append(j *job) error {
	b := j.rest()
	reclaim := time.AfterFunc(reclaimAfter, q.work.Broadcast)
	err := q.write(b)
	reclaim.Stop()

	q.mu.Lock()
	kept := q.appending == j
	if kept {
		q.appending = nil
	}
	switch {
	case q.final:
		kept = true // what is on disk now counts as lost, but the next process sends it
	case kept && err == nil:
		q.spooled(j)
	case kept:
		q.waiting = append([]*job{j}, q.waiting...)
	}
	q.work.Broadcast()
	q.mu.Unlock()
	if err == nil && !kept {
		err = q.spool.undo(b)
	}
	if err != nil || q.spool.current.size >= q.spool.fileBytes {
		q.sealCurrent()
	}
	return err
}

// spooled counts the unsent spans of j as spooled in the current file instead of queued. The caller
// holds the lock.
func (q *Queue) spooled(j *job) {
	n := j.spans()
	q.stats.Queued -= uint64(n)
	q.stats.Spooled += uint64(n)
	q.currentSpans += n
	q.bytes -= j.cost()
	if j.sends == 0 {
		q.recycle(j.whole)
	}
	q.readerWork.Signal()
}

// write writes b to the current file of the spool.
func (q *Queue) write(b Batch) error {
	defer q.watchDisk("write")()
	return q.spool.write(b)
}

// sealCurrent completes the current file, so that the reader may read it.
func (q *Queue) sealCurrent() {
	defer q.watchDisk("close")()
	f := q.spool.seal()
	q.mu.Lock()
	defer q.mu.Unlock()
	q.currentSpans = 0
	if f != nil {
		q.files = append(q.files, f)
	}
	q.readerWork.Signal()
	q.work.Broadcast() // without a file, a closing queue may have no more jobs
}

// closeSpool writes the remaining spans to the spool and closes it. The senders have ended.
func (q *Queue) closeSpool() {
	defer close(q.diskDone)
	q.mu.Lock()
	q.seal()
	for _, p := range q.parked {
		q.remaining = append(q.remaining, p.job)
	}
	rest := slices.Concat(q.remaining, q.waiting)
	q.remaining, q.parked, q.waiting = nil, nil, nil
	q.mu.Unlock()
	var err error
	for _, j := range rest {
		switch {
		case j.file != nil:
			q.leaveFile(j)
		case err == nil:
			q.mu.Lock()
			q.appending = j
			q.mu.Unlock()
			err = q.append(j)
		}
	}
	q.sealCurrent()
	<-q.readerDone
	err = errors.Join(err, q.spool.close())
	q.mu.Lock()
	defer q.mu.Unlock()
	q.spoolErr = err
}

// leaveFile leaves the unsent parts of j in the spool for the next process.
func (q *Queue) leaveFile(j *job) {
	if !j.partlyDone {
		return
	}
	if err := q.write(j.rest()); err != nil {
		return // the whole file stays, and the next process sends some spans again
	}
	q.removeFile(j.file)
}

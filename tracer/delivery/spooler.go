package delivery

import (
	"slices"
	"time"
)

// The spooler moves to disk what has been in memory alone for too long. Senders and Add never wait for it.

// diskRest is how long a disk that failed is left alone.
const diskRest = time.Second

// recover opens the spool and takes over what an earlier process has left in it.
func (q *Queue) recover() (err error) {
	var records int
	q.spool, records, err = openSpool(q.cfg.Spool, q.cfg.SpoolBytes, int64(q.cfg.BatchBytes), q.log)
	if err != nil {
		return err
	}
	n := uint64(records)
	q.stats.Added, q.stats.Recovered, q.stats.Spooled = n, n, n
	if n > 0 {
		q.log.Info("spans found in the spool", "spans", n)
	}
	return nil
}

// spoolAll is the spooler. It runs until the senders have ended.
func (q *Queue) spoolAll() {
	tick := time.NewTicker(max(q.cfg.SpoolSync/4, 1))
	defer tick.Stop()
	for {
		pressed := false
		select {
		case <-tick.C:
		case <-q.full:
			pressed = true
		case <-q.sent:
			return
		}
		if !q.spoolOlder(time.Now().Add(-q.cfg.SpoolSync*3/4), pressed) {
			select {
			case <-time.After(diskRest):
			case <-q.sent:
				return
			}
		}
	}
}

// spoolOlder writes what came before that time, or all that waits if memory runs short. It returns false if the disk takes
// no more.
func (q *Queue) spoolOlder(than time.Time, pressed bool) bool {
	for _, j := range q.inHand(than) {
		if err := q.secure(j); err != nil {
			return q.cannotSpool(err)
		}
	}
	for b, ok := q.waiting(than, pressed); ok; b, ok = q.waiting(than, pressed) {
		err := q.spool.append(b, q.toDisk)
		q.written(b, err == nil)
		if err != nil {
			return q.cannotSpool(err)
		}
	}
	return true
}

func (q *Queue) cannotSpool(err error) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.unsaid.disk = err
	wake(q.trouble)
	return false
}

// inHand returns the senders' jobs that are to be written.
func (q *Queue) inHand(than time.Time) (jobs []*job) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for j := range q.jobs {
		if j.file == nil && len(j.parts) > 0 && j.whole.since.Before(than) {
			jobs = append(jobs, j)
		}
	}
	return jobs
}

// secure writes to disk what is left of a job, while its sender has it in hand.
func (q *Queue) secure(j *job) error {
	q.mu.Lock()
	if !q.jobs[j] || len(j.parts) == 0 {
		q.mu.Unlock()
		return nil // it arrived meanwhile
	}
	j.secure = make(chan struct{})
	parts := slices.Clone(j.parts)
	q.mu.Unlock()
	b := joined(parts)
	f, err := q.spool.put(b)

	q.mu.Lock()
	defer q.mu.Unlock()
	if err == nil {
		left := count(j.parts)
		j.file, j.begun = f, left < b.Len()
		q.stats.Queued, q.stats.Spooled = q.stats.Queued-uint64(left), q.stats.Spooled+uint64(left)
	}
	close(j.secure)
	j.secure = nil
	return err
}

// waiting takes the oldest batch in memory that is to be written.
func (q *Queue) waiting(than time.Time, pressed bool) (b Batch, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.sealed) == 0 && (pressed || q.open.since.Before(than)) {
		q.seal()
	}
	if q.stopped || len(q.sealed) == 0 || !pressed && !q.sealed[0].since.Before(than) {
		return b, false
	}
	q.writing++
	return q.shift(), true
}

// written gives a batch out of hand that is on disk, or back if it is not.
func (q *Queue) written(b Batch, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.writing--
	if ok {
		q.reuse(b)
	} else {
		q.sealed = append([]Batch{b}, q.sealed...)
	}
	q.changed()
}

// toDisk counts a batch of memory as spooled.
func (q *Queue) toDisk(b Batch) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := uint64(b.Len())
	q.stats.Queued, q.stats.Spooled = q.stats.Queued-n, q.stats.Spooled+n
	q.bytes -= b.cost()
}

func (q *Queue) remove(f *spoolFile) {
	if err := q.spool.remove(f); err != nil {
		q.log.Warn("spool file not removed: its spans will be sent again", "err", err)
	}
}

// leaveFile leaves what is left of a job on disk.
func (q *Queue) leaveFile(j *job) {
	left := j.file
	if j.begun {
		if rest, err := q.spool.put(joined(j.parts)); err == nil {
			q.remove(j.file)
			left = rest
		} // else the whole file stays, and some of it will be sent twice
	}
	q.spool.giveBack(left)
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, part := range j.parts {
		q.bytes -= part.cost()
	}
}

package delivery

import (
	"math/rand/v2"
	"time"
)

// A job is a batch in the hands of a sender, in as many parts as it has been split into.
type job struct {
	parts []Batch    // that nothing has become of yet, in order
	whole Batch      // all of it; its memory is used again
	file  *spoolFile // where it is on disk, nil for nowhere
	begun bool       // something of it has been settled
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
		written, onDisk := q.written, q.stats.Spooled > 0 && !q.stopped
		q.mu.Unlock()
		if onDisk {
			if f := q.spool.take(); f != nil {
				return q.load(f), true
			}
		}
		if j, ok, ended := q.takeFromMemory(written); ok || ended {
			return j, ok
		}
	}
}

// takeFromMemory takes the oldest batch in memory. Without one it waits, unless more has been written to disk than the
// caller knows of, and reports whether all has ended.
func (q *Queue) takeFromMemory(written int) (j *job, ok, ended bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.stopped {
		return nil, false, true
	}
	if b, ok := q.oldest(); ok {
		return &job{parts: []Batch{b}, whole: b}, true, false
	}
	if q.written != written {
		return nil, false, false
	}
	if q.closing && !q.moving {
		return nil, false, true
	}
	q.ready.Wait()
	return nil, false, false
}

// oldest takes the oldest batch in memory that is complete, old enough, or the last. The caller holds the lock.
func (q *Queue) oldest() (b Batch, ok bool) {
	if len(q.sealed) == 0 && (q.closing || time.Since(q.since) >= q.cfg.BatchAge) {
		q.seal()
	}
	if len(q.sealed) == 0 {
		return b, false
	}
	b, q.sealed = q.sealed[0], q.sealed[1:]
	return b, true
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
	q.bytes += b.cost()
	j := &job{whole: b, file: f}
	if b.Len() > 0 {
		j.parts = []Batch{b}
	}
	return j
}

// deliver makes one attempt with the first part of the job and acts upon its outcome. It reports false when no further
// one may be made.
func (q *Queue) deliver(j *job) bool {
	wait := q.cfg.MinBackoff
	for {
		start := time.Now()
		err := q.send(q.ctx, j.parts[0])
		took := time.Since(start)
		if err == nil {
			q.taken(j, took)
			return true
		}
		r := refusal(err)
		pause, asked, again := q.refused(j, r, wait, took)
		if !again {
			return true
		}
		q.secure(j)
		var ok bool
		if wait, ok = q.pause(pause, asked, wait); !ok {
			return false
		}
	}
}

// taken notes that the first part has arrived.
func (q *Queue) taken(j *job, took time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	part := j.parts[0]
	q.stats.Sent += uint64(part.Len())
	q.arrived(part, took)
	q.settle(j)
}

// arrived counts a batch that the destination took, and tells the other senders that it takes again. The caller holds the
// lock.
func (q *Queue) arrived(part Batch, took time.Duration) {
	q.stats.Latency.observe(took)
	q.stats.Batches++
	q.stats.Bytes += uint64(len(part.data))
	q.mistake = ""
	if q.failing {
		q.failing = false
		close(q.back)
		q.back = make(chan struct{})
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
}

// refused acts upon an error. It reports whether the same part is to be sent again, when, and whether that is by the
// destination's wish.
func (q *Queue) refused(j *job, r *Refusal, backoff, took time.Duration) (pause time.Duration, asked, again bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.err = r.Err
	if r.Kind == Partly {
		part := j.parts[0]
		rejected := min(max(r.Rejected, 0), part.Len())
		q.stats.Sent += uint64(part.Len() - rejected)
		q.drop(rejected, Refused)
		q.arrived(part, took)
		q.settle(j)
		return 0, false, false
	}
	q.stats.Latency.observe(took)
	switch {
	case r.Kind == Never:
		q.dropPart(j, Refused)
		return 0, false, false
	case r.Kind == TooLarge || r.Kind == Malformed:
		q.divide(j, r.Kind)
		return 0, false, false
	case q.stopped:
		return 0, false, true
	}
	q.stats.Retried++
	q.failing = true
	q.spooling = q.spool != nil
	if r.Kind == Misconfigured {
		if text := r.Error(); text != q.mistake {
			q.mistake = text
			q.log.Error("spans are not taken: a mistake in the configuration? trying again", "every", q.cfg.MaxBackoff, "err", r.Err)
		}
		return q.cfg.MaxBackoff, false, true
	}
	q.warn("spans not delivered, trying again", "queued", q.stats.Queued, "spooled", q.stats.Spooled, "err", r.Err)
	// Half to the whole of the backoff, so that many processes do not come back at once.
	return max(r.After, backoff/2+rand.N(backoff/2+1)), r.After > 0, true
}

func (q *Queue) dropPart(j *job, reason string) {
	q.drop(j.parts[0].Len(), reason)
	q.settle(j)
}

// divide halves the first part, or drops it when it is a single record. The caller holds the lock.
func (q *Queue) divide(j *job, kind Kind) {
	if j.parts[0].Len() == 1 {
		reason := Refused
		if kind == TooLarge {
			reason = TooBig
		}
		q.dropPart(j, reason)
		return
	}
	first, second := j.parts[0].halves()
	j.parts = append([]Batch{first, second}, j.parts[1:]...)
}

// secure writes to disk what the destination does not take now.
func (q *Queue) secure(j *job) {
	if q.spool == nil || j.file != nil {
		return
	}
	rest := joined(j.parts)
	f, err := q.spool.put(rest)
	q.mu.Lock()
	defer q.mu.Unlock()
	if err != nil {
		q.warn("spool not writable, spans stay in memory", "err", err)
		return
	}
	j.file, j.begun = f, false // the file has just what is left
	n := uint64(rest.Len())
	q.stats.Queued, q.stats.Spooled = q.stats.Queued-n, q.stats.Spooled+n
}

func joined(parts []Batch) Batch {
	if len(parts) == 1 {
		return parts[0]
	}
	var all Batch
	for _, part := range parts {
		for record := range part.All() {
			all.add(record)
		}
	}
	return all
}

// pause waits before the next attempt, and returns the backoff after that; or false when there may be no other. The
// beginning of Close cuts it short, and so does another sender's success, unless the destination asked for the time.
func (q *Queue) pause(d time.Duration, asked bool, backoff time.Duration) (next time.Duration, ok bool) {
	q.mu.Lock()
	back, hurry, closing, stopped := q.back, q.hurry, q.closing, q.stopped
	q.mu.Unlock()
	if stopped {
		return 0, false
	}
	if closing {
		hurry = nil
	}
	if asked {
		back = nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-q.ctx.Done():
		return 0, false
	case <-hurry:
		return q.cfg.MinBackoff, true
	case <-back:
	case <-timer.C:
	}
	return min(2*backoff, q.cfg.MaxBackoff), true
}

// finish gives a job out of hand: done with, or to be left to somebody else.
func (q *Queue) finish(j *job) {
	switch {
	case j.file == nil:
		q.mu.Lock()
		defer q.mu.Unlock()
		if len(j.parts) == 0 {
			q.reuse(j.whole)
		} else {
			q.sealed = append(j.parts, q.sealed...)
		}
	case len(j.parts) == 0:
		q.remove(j.file)
		q.mu.Lock()
		defer q.mu.Unlock()
		q.spooling = q.stats.Spooled > 0
	default:
		q.leaveFile(j)
	}
}

func (q *Queue) remove(f *spoolFile) {
	if err := q.spool.remove(f); err != nil {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.warn("spool file not removed: its spans will be sent again", "err", err)
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

// spoolAll moves what is in memory to disk, as long as that is where it belongs.
func (q *Queue) spoolAll() {
	tick := time.NewTicker(q.cfg.SpoolSync)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			q.spoolMemory()
		case <-q.hurry:
			return // Close does what is left
		}
	}
}

func (q *Queue) spoolMemory() {
	q.mu.Lock()
	if !q.spooling {
		q.mu.Unlock()
		return
	}
	q.seal()
	batches := q.sealed
	q.sealed, q.moving = nil, true
	q.mu.Unlock()
	rest, err := q.write(batches)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.moving = false
	if err != nil {
		q.sealed = append(rest, q.sealed...)
		q.warn("spool not writable, spans stay in memory", "err", err)
	}
	q.ready.Broadcast()
}

// write writes the batches to disk, and returns those that could not be.
func (q *Queue) write(batches []Batch) ([]Batch, error) {
	for i, b := range batches {
		if err := q.spool.append(b, q.toDisk); err != nil {
			return batches[i:], err
		}
		q.spool.sealIfOver(q.cfg.BatchBytes)
	}
	return nil, nil
}

package delivery

// runReader is the goroutine that reads files of the spool for the senders, and removes files. It
// ends when the senders have ended and no file has to be removed.
func (q *Queue) runReader() {
	defer close(q.readerDone)
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		switch {
		case len(q.removals) > 0:
			f := q.removals[0]
			q.removals = q.removals[1:]
			q.mu.Unlock()
			q.removeFile(f)
			q.mu.Lock()
		case q.sendersEnded:
			return
		case q.mayRead():
			q.read()
		default:
			if len(q.files) == 0 && q.currentSpans > 0 && q.idle > 0 {
				notify(q.sealWanted)
			}
			q.readerWork.Wait()
		}
	}
}

// mayRead reports whether the next file should be read. Each idle sender gets one, and one is read
// ahead unless the latest attempt has failed. The caller holds the lock.
func (q *Queue) mayRead() bool {
	wanted := q.idle
	if !q.failing {
		wanted++
	}
	if q.stopped || len(q.files) == 0 || len(q.loaded) >= wanted {
		return false
	}
	// A file may be larger than Config.QueueBytes. It is read when no other spans are in memory.
	return q.bytes == 0 || int64(q.bytes)+q.files[0].size <= int64(q.cfg.QueueBytes)
}

// read reads the oldest file for a sender. The caller holds the lock, which read releases while it
// waits for the disk.
func (q *Queue) read() {
	f := q.files[0]
	q.files = q.files[1:]
	q.bytes += int(f.size)
	q.reading = true
	q.mu.Unlock()
	j := q.load(f)
	q.mu.Lock()
	q.reading = false
	if len(j.parts) > 0 {
		q.loaded = append(q.loaded, j)
	} else {
		q.discard(j)
	}
	q.work.Broadcast() // without a job, a closing queue may have no more jobs
}

// load reads a file of the spool into a job. It drops the spans that are no longer readable.
func (q *Queue) load(f *spoolFile) *job {
	slow := q.watchDisk("read")
	data, err := q.spool.read(f)
	slow()
	b, d := readFrames(data)
	// The file holds more spans if a failed write was not rolled back. They are still in memory.
	b = b.truncate(f.spans)
	lost := f.spans - b.Len()
	j := &job{whole: b, file: f}
	if b.Len() > 0 {
		j.parts = []part{{Batch: b}}
	}
	switch {
	case err != nil:
		q.reportFile("spool file not readable", "err", err)
		q.spool.forget(f)
		j.file = nil
	case lost > 0 || d != f.damage:
		f.spans, f.damage = b.Len(), d
		q.reportFile(damagedMsg, f.damagedArgs()...)
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
	q.bytes += b.cost() - int(f.size) // read has added f.size
	return j
}

func (q *Queue) removeFile(f *spoolFile) {
	defer q.watchDisk("remove")()
	if err := q.spool.remove(f); err != nil {
		q.reportFile("spool file not removed, its spans may be sent again", "err", err)
	}
}

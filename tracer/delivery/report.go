package delivery

import (
	"log/slog"
	"time"
)

// warningInterval is the minimum time between two log lines of one event.
const warningInterval = 10 * time.Second

// An event is something to log. Each is limited by itself, so that none hides another.
type event int

const (
	spoolFileFault event = iota // damage, or an error of one file; each file is logged
	rejected                    // the destination rejects spans until a correction
	retried                     // an attempt has failed and will be repeated
	abandoned                   // a Send has not returned
	notWritable                 // the writer cannot write
	slowDisk                    // an operation of the disk takes long
	dropped                     // spans were dropped
	numEvents
)

// A pendingReport is what the reporter has to log. The queue's lock guards it.
type pendingReport struct {
	events    [numEvents]bool
	files     []logLine // of spoolFileFault
	configErr error     // of rejected
	spoolErr  error     // of notWritable
	operation string    // of slowDisk
}

// A logLine is one line of the log.
type logLine struct {
	level slog.Level
	msg   string
	args  []any
}

// report has the reporter log an event. The caller holds the lock.
func (q *Queue) report(e event) {
	if !q.pending.events[e] {
		q.pending.events[e] = true
		notify(q.reportC)
	}
}

// runReporter is the goroutine that writes the log. A slow log handler delays neither Add nor the
// senders nor the disk.
func (q *Queue) runReporter() {
	defer close(q.reporterDone)
	var next <-chan time.Time
	var earliest [numEvents]time.Time // when each event may be logged again
	for {
		select {
		case <-q.reportC:
		case <-next:
		case <-q.closed:
			q.mu.Lock()
			q.pending.events[retried] = false // the attempts have ended
			q.mu.Unlock()
			q.logPending(&[numEvents]time.Time{})
			if n := q.Stats().Spooled; n > 0 {
				q.log.Info("spans left in the spool", "spans", n)
			}
			return
		}
		next = nil
		if wait := q.logPending(&earliest); wait > 0 {
			next = time.After(wait)
		}
	}
}

// logPending logs the pending events, except for those that were logged lately. It returns how long
// the first of these has to wait, or 0.
func (q *Queue) logPending(earliest *[numEvents]time.Time) (wait time.Duration) {
	var records []logLine
	q.mu.Lock()
	now := time.Now()
	for e := range numEvents {
		if !q.pending.events[e] {
			continue
		}
		if left := earliest[e].Sub(now); left > 0 {
			if wait == 0 || left < wait {
				wait = left
			}
			continue
		}
		earliest[e] = now.Add(warningInterval)
		q.pending.events[e] = false
		records = q.appendRecords(records, e)
	}
	q.mu.Unlock()
	for _, r := range records {
		q.log.Log(q.ctx, r.level, r.msg, r.args...)
	}
	return wait
}

// appendRecords appends the log lines of an event. The caller holds the lock.
func (q *Queue) appendRecords(records []logLine, e event) []logLine {
	add := func(level slog.Level, msg string, args ...any) []logLine {
		return append(records, logLine{level, msg, args})
	}
	switch e {
	case spoolFileFault:
		records = append(records, q.pending.files...)
		q.pending.files = nil
		return records
	case rejected:
		return add(slog.LevelError, "spans rejected, check the configuration; retrying",
			"every", q.cfg.MaxBackoff, "err", q.pending.configErr)
	case retried:
		return add(slog.LevelWarn, "spans not delivered, retrying",
			"queued", q.stats.Queued, "spooled", q.stats.Spooled, "err", q.lastErr)
	case abandoned:
		return add(slog.LevelWarn, "send functions have not returned, their spans are sent again",
			"now", q.abandoned, "total", q.stats.Abandoned)
	case notWritable:
		return add(slog.LevelWarn, "spool not writable, spans stay in memory",
			"err", q.pending.spoolErr)
	case slowDisk:
		return add(slog.LevelWarn, "spool slow, spans stay in memory",
			"operation", q.pending.operation, "longerThan", slowOperation)
	case dropped:
		args := []any{
			"dropped", q.stats.Dropped - q.reportedDrops, "total", q.stats.Dropped,
			"reasons", q.stats.DropReasons(),
		}
		q.reportedDrops = q.stats.Dropped
		if q.lastErr != nil {
			args = append(args, "err", q.lastErr)
		}
		return add(slog.LevelWarn, "spans dropped", args...)
	}
	return records
}

// reportFile has the reporter log a fault of a file of the spool.
func (q *Queue) reportFile(msg string, args ...any) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.pending.files = append(q.pending.files, logLine{slog.LevelWarn, msg, args})
	q.report(spoolFileFault)
}

// reportRejected has the reporter log an error of the configuration, once until it changes or spans
// are accepted. The caller holds the lock.
func (q *Queue) reportRejected(err error) {
	if text := err.Error(); text != q.configErr {
		q.configErr, q.pending.configErr = text, err
		q.report(rejected)
	}
}

// reportNotWritable has the reporter log an error of the writer.
func (q *Queue) reportNotWritable(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.pending.spoolErr = err
	q.report(notWritable)
}

// watchDisk has the reporter log that an operation is slow unless done is called soon.
func (q *Queue) watchDisk(operation string) (done func() bool) {
	return time.AfterFunc(slowOperation, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.pending.operation = operation
		q.report(slowDisk)
	}).Stop
}

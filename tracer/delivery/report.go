package delivery

import (
	"log/slog"
	"maps"
	"time"
)

// warningInterval is the minimum time between two series of log lines.
const warningInterval = 10 * time.Second

// A pendingReport is what the reporter has to log. The queue's lock guards it.
type pendingReport struct {
	warnings  []logLine
	dropped   uint64 // Stats.Dropped when it was last logged
	retried   bool   // an attempt has failed and will be repeated
	spoolErr  error  // the latest error of the spooler
	configErr error  // a new RetryAfterFix error
}

// A logLine is one line of the log.
type logLine struct {
	level slog.Level
	msg   string
	args  []any
}

// runReporter is the goroutine that writes the log. A slow log handler delays neither Add nor the
// senders nor the spooler.
func (q *Queue) runReporter() {
	defer close(q.reporterDone)
	var pause <-chan time.Time
	for {
		reportC := q.reportC
		if pause != nil {
			reportC = nil
		}
		select {
		case <-reportC:
			q.logPending()
			pause = time.After(warningInterval)
		case <-pause:
			pause = nil
		case <-q.closed:
			q.logPending()
			if n := q.Stats().Spooled; n > 0 {
				q.log.Info("spans left in the spool", "spans", n)
			}
			return
		}
	}
}

func (q *Queue) logPending() {
	for _, r := range q.takeReport() {
		q.log.Log(q.ctx, r.level, r.msg, r.args...)
	}
}

// takeReport returns the log lines of q.pendingReport and resets it.
func (q *Queue) takeReport() (lines []logLine) {
	q.mu.Lock()
	defer q.mu.Unlock()
	add := func(level slog.Level, msg string, args ...any) {
		lines = append(lines, logLine{level, msg, args})
	}
	p := q.pendingReport
	lines = p.warnings
	if p.configErr != nil {
		add(slog.LevelError, "spans rejected, check the configuration; retrying",
			"every", q.cfg.MaxBackoff, "err", p.configErr)
	}
	if p.retried {
		add(slog.LevelWarn, "spans not delivered, retrying",
			"queued", q.stats.Queued, "spooled", q.stats.Spooled, "err", q.lastErr)
	}
	if p.spoolErr != nil {
		add(slog.LevelWarn, "spool not writable, spans stay in memory", "err", p.spoolErr)
	}
	if q.stats.Dropped > p.dropped {
		args := []any{"dropped", q.stats.Dropped, "reasons", maps.Clone(q.stats.DroppedBy)}
		if q.lastErr != nil {
			args = append(args, "err", q.lastErr)
		}
		add(slog.LevelWarn, "spans dropped", args...)
	}
	q.pendingReport = pendingReport{dropped: q.stats.Dropped}
	return lines
}

// warn has the reporter log a warning.
func (q *Queue) warn(msg string, args ...any) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.pendingReport.warnings = append(q.pendingReport.warnings,
		logLine{slog.LevelWarn, msg, args})
	notify(q.reportC)
}

// reportSpoolErr has the reporter log an error of the spooler.
func (q *Queue) reportSpoolErr(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.pendingReport.spoolErr = err
	notify(q.reportC)
}

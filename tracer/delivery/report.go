package delivery

import (
	"log/slog"
	"maps"
	"time"
)

// warningEvery is how often each kind of warning is logged at most.
const warningEvery = 10 * time.Second

// unsaid is what the log is still to be told. It is guarded by the queue's lock.
type unsaid struct {
	dropped uint64 // as it was last logged
	retried bool
	disk    error // of the spool
	mistake error // in the configuration
}

type line struct {
	level slog.Level
	text  string
	args  []any
}

// report logs what there is to say, in a goroutine of its own: a log may be slow, and nobody has to wait for it.
func (q *Queue) report() {
	defer close(q.reported)
	var pause <-chan time.Time
	for {
		trouble := q.trouble
		if pause != nil {
			trouble = nil
		}
		select {
		case <-trouble:
			q.say()
			pause = time.After(warningEvery)
		case <-pause:
			pause = nil
		case <-q.closed:
			q.say()
			if left := q.Stats().Spooled; left > 0 {
				q.log.Info("spans left in the spool", "spans", left)
			}
			return
		}
	}
}

func (q *Queue) say() {
	for _, l := range q.lines() {
		q.log.Log(q.ctx, l.level, l.text, l.args...)
	}
}

// lines returns what is to be logged, and takes it as said.
func (q *Queue) lines() (lines []line) {
	q.mu.Lock()
	defer q.mu.Unlock()
	u := &q.unsaid
	if u.mistake != nil {
		lines = append(lines, line{slog.LevelError, "spans are not taken: a mistake in the configuration? trying again",
			[]any{"every", q.cfg.MaxBackoff, "err", u.mistake}})
	}
	if u.retried {
		lines = append(lines, line{slog.LevelWarn, "spans not delivered, trying again",
			[]any{"queued", q.stats.Queued, "spooled", q.stats.Spooled, "err", q.err}})
	}
	if u.disk != nil {
		lines = append(lines, line{slog.LevelWarn, "spool not writable, spans stay in memory", []any{"err", u.disk}})
	}
	if q.stats.Dropped > u.dropped {
		args := []any{"dropped", q.stats.Dropped, "reasons", maps.Clone(q.stats.DroppedBy)}
		if q.err != nil {
			args = append(args, "err", q.err)
		}
		lines = append(lines, line{slog.LevelWarn, "spans dropped", args})
	}
	*u = unsaid{dropped: q.stats.Dropped}
	return lines
}

package delivery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"
)

// A Send takes one batch to the destination. It is called by up to Config.Senders goroutines at once, and must return when
// ctx ends. An error means that nothing of the batch was taken, unless it is a Refusal that says otherwise.
type Send func(ctx context.Context, b Batch) error

// A Queue sends records in batches. Its methods may be called concurrently.
type Queue struct {
	cfg   Config
	send  Send
	log   *slog.Logger
	spool *spool // nil for none

	mu       sync.Mutex
	ready    sync.Cond // of senders: there may be something to send
	open     Batch     // that is being filled
	since    time.Time // when its first record came
	due      *time.Timer
	sealed   []Batch
	free     []Batch // to be filled again
	bytes    int     // of all batches in memory
	stats    Stats
	spooling bool // what comes goes to disk
	moving   bool // batches are between memory and disk
	written  int  // how often something has gone to disk
	closing  bool
	stopped  bool
	warned   map[string]time.Time // when each kind of warning was last logged
	mistake  string               // in the configuration, as it was logged
	err      error                // of the latest attempt that failed

	ctx     context.Context // ends with the last attempt
	cancel  context.CancelFunc
	hurry   chan struct{} // closed when Close begins
	back    chan struct{} // closed, and replaced, when the destination takes something after it did not
	failing bool
	running sync.WaitGroup // senders and the spooler
	closed  chan struct{}
	lost    error
}

// New starts a queue's senders, which run until Close. What is found in the spool is sent first. The name of the
// destination may be among the logger's attributes: it must not hold credentials. The error is the spool's.
func New(cfg Config, send Send, log *slog.Logger) (*Queue, error) {
	cfg = cfg.withDefaults()
	q := &Queue{cfg: cfg, send: send, log: log, stats: Stats{DroppedBy: map[string]uint64{}}, warned: map[string]time.Time{},
		hurry: make(chan struct{}), back: make(chan struct{}), closed: make(chan struct{})}
	if cfg.Spool != "" {
		if err := q.recover(); err != nil {
			return nil, err
		}
	}
	q.ready.L = &q.mu
	q.ctx, q.cancel = context.WithCancel(context.Background())
	q.due = time.AfterFunc(time.Hour, q.ready.Signal)
	q.due.Stop()
	for range cfg.Senders {
		q.running.Go(q.sendAll)
	}
	if q.spool != nil {
		q.running.Go(q.spoolAll)
	}
	return q, nil
}

// recover opens the spool and takes over what an earlier process has left in it.
func (q *Queue) recover() (err error) {
	var records int
	q.spool, records, err = openSpool(q.cfg.Spool, q.cfg.SpoolBytes, q.log)
	if err != nil {
		return err
	}
	n := uint64(records)
	q.stats.Added, q.stats.Recovered, q.stats.Spooled, q.spooling = n, n, n, n > 0
	if n > 0 {
		q.log.Info("spans found in the spool", "spans", n)
	}
	return nil
}

// Add copies the record into the queue, or drops it if there is no room or the queue is closed.
func (q *Queue) Add(record []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stats.Added++
	cost := len(record) + perRecord
	switch {
	case q.closing:
		q.drop(1, Closed)
		return
	case q.bytes+cost > q.cfg.QueueBytes:
		q.drop(1, QueueFull)
		return
	case len(record) > maxRecord:
		q.drop(1, TooBig)
		return
	}
	if q.open.Len() == 0 {
		q.since = time.Now()
		q.due.Reset(q.cfg.BatchAge)
	}
	q.open.add(record)
	q.bytes += cost
	q.stats.Queued++
	if len(q.open.data) >= q.cfg.BatchBytes {
		q.seal()
		q.ready.Signal()
	}
	// Half the room is left for what comes while the disk is busy.
	q.spooling = q.spooling || q.spool != nil && q.bytes > q.cfg.QueueBytes/2
}

// seal ends the open batch. The caller holds the lock.
func (q *Queue) seal() {
	if q.open.Len() == 0 {
		return
	}
	q.sealed = append(q.sealed, q.open)
	q.open = Batch{}
	if last := len(q.free) - 1; last >= 0 {
		q.open, q.free = q.free[last], q.free[:last]
	}
}

// reuse keeps a batch's memory for another. The caller holds the lock, and nobody else the batch.
func (q *Queue) reuse(b Batch) {
	if len(q.free) <= q.cfg.Senders && cap(b.data) <= 2*q.cfg.BatchBytes {
		q.free = append(q.free, Batch{b.data[:0], b.ends[:0]})
	}
}

// warningEvery is how often a kind of warning is logged at most.
const warningEvery = 10 * time.Second

// warn logs, unless it did so lately. The caller holds the lock.
func (q *Queue) warn(msg string, args ...any) {
	if now := time.Now(); now.Sub(q.warned[msg]) >= warningEvery {
		q.warned[msg] = now
		q.log.Warn(msg, args...)
	}
}

// drop counts lost records. The caller holds the lock.
func (q *Queue) drop(records int, reason string) {
	q.stats.Dropped += uint64(records)
	q.stats.DroppedBy[reason] += uint64(records)
	q.warn("spans dropped", "dropped", q.stats.Dropped, "reasons", maps.Clone(q.stats.DroppedBy), "err", q.err)
}

// Close sends what is queued until ctx ends, and spools or drops what is left then. The error says how many records were
// lost. A second Close waits for the first and returns the same.
func (q *Queue) Close(ctx context.Context) error {
	q.mu.Lock()
	first := !q.closing
	q.closing = true
	q.mu.Unlock()
	if first {
		q.close(ctx)
	}
	<-q.closed
	return q.lost
}

func (q *Queue) close(ctx context.Context) {
	q.due.Stop()
	close(q.hurry)
	q.ready.Broadcast()
	release := context.AfterFunc(ctx, q.stop)
	q.running.Wait()
	release()
	q.cancel()
	q.lost = q.leftOver()
	close(q.closed)
}

// stop ends all attempts.
func (q *Queue) stop() {
	q.mu.Lock()
	q.stopped = true
	q.mu.Unlock()
	q.cancel()
	q.ready.Broadcast()
}

// leftOver spools what was not sent, and counts the rest as dropped. Nobody else touches the batches any more.
func (q *Queue) leftOver() error {
	q.mu.Lock()
	q.seal()
	rest := q.sealed
	q.sealed, q.free, q.open = nil, nil, Batch{}
	q.mu.Unlock()
	var failed error
	if q.spool != nil {
		for len(rest) > 0 && failed == nil {
			if failed = q.spool.append(rest[0], q.toDisk); failed == nil {
				rest = rest[1:]
			}
		}
		failed = errors.Join(failed, q.spool.close())
	}
	return q.giveUp(rest, failed)
}

// giveUp drops what could neither be sent nor spooled, and says the last word about what was dropped.
func (q *Queue) giveUp(rest []Batch, failed error) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	lost := 0
	for _, b := range rest {
		lost += b.Len()
		q.bytes -= b.cost()
	}
	q.stats.Queued -= uint64(lost)
	if lost > 0 {
		q.drop(lost, NotFlushed)
		failed = fmt.Errorf("%d spans lost: %w", lost, cmp.Or(failed, q.err, context.DeadlineExceeded))
	}
	if q.stats.Spooled > 0 {
		q.log.Info("spans left in the spool", "spans", q.stats.Spooled)
	}
	return failed
}

// toDisk counts a batch of memory as spooled.
func (q *Queue) toDisk(b Batch) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := uint64(b.Len())
	q.stats.Queued, q.stats.Spooled = q.stats.Queued-n, q.stats.Spooled+n
	q.bytes -= b.cost()
	q.written++
	q.ready.Signal()
}

package delivery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

// Config bounds a queue. Zero fields take the default.
type Config struct {
	QueueBytes int           // held at most, default 64 MiB
	BatchBytes int           // a batch is sent when it has as many, default 256 KiB
	BatchAge   time.Duration // or when its first record is as old, default 500 ms
	MinBackoff time.Duration // before the first retry, default 100 ms
	MaxBackoff time.Duration // between retries, default 30 s
}

// A Send takes one batch: records one behind the other. It is called by one goroutine, and must return when ctx ends.
// An error means that nothing of the batch was taken: it is sent again, unless the error is Permanent.
type Send func(ctx context.Context, batch []byte, records int) error

// Permanent marks an error that sending the same batch again cannot mend. The batch is dropped and counted.
func Permanent(err error) error { return permanent{err} }

type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// Stats counts records. Added = Sent + Queued + Dropped at every moment.
type Stats struct{ Added, Sent, Queued, Dropped uint64 }

// A Queue sends records in batches, in order. Its methods may be called concurrently.
type Queue struct {
	cfg  Config
	send Send
	log  *slog.Logger

	mu      sync.Mutex
	open    batch
	sealed  []batch
	bytes   int
	stats   Stats
	warned  time.Time
	closing bool

	wake   chan struct{} // a batch was sealed, or the first record came
	cancel context.CancelFunc
	done   chan struct{}
	once   sync.Once
	err    error
}

type batch struct {
	data    []byte
	records int
	since   time.Time
}

// New starts a queue's sender, which runs until Close. The name of the destination goes into log lines: it must not
// hold credentials.
func New(cfg Config, send Send, log *slog.Logger) *Queue {
	cfg.QueueBytes = orDefault(cfg.QueueBytes, 64<<20)
	cfg.BatchBytes = orDefault(cfg.BatchBytes, 256<<10)
	cfg.BatchAge = orDefault(cfg.BatchAge, 500*time.Millisecond)
	cfg.MinBackoff = orDefault(cfg.MinBackoff, 100*time.Millisecond)
	cfg.MaxBackoff = orDefault(cfg.MaxBackoff, 30*time.Second)
	ctx, cancel := context.WithCancel(context.Background())
	q := &Queue{cfg: cfg, send: send, log: log, wake: make(chan struct{}, 1), cancel: cancel, done: make(chan struct{})}
	go q.run(ctx)
	return q
}

func orDefault[T int | time.Duration](v, d T) T {
	if v <= 0 {
		return d
	}
	return v
}

// Add copies the record into the queue, or drops it if there is no room or the queue is closed.
func (q *Queue) Add(record []byte) {
	q.mu.Lock()
	q.stats.Added++
	if q.closing || q.bytes+len(record) > q.cfg.QueueBytes {
		q.drop(1, "queue full or closed", nil)
		q.mu.Unlock()
		return
	}
	wake := q.open.records == 0
	if wake {
		q.open.since = time.Now()
	}
	q.open.data = append(q.open.data, record...)
	q.open.records++
	q.bytes += len(record)
	q.stats.Queued++
	if len(q.open.data) >= q.cfg.BatchBytes {
		q.seal()
		wake = true
	}
	q.mu.Unlock()
	if wake {
		q.poke()
	}
}

// drop counts lost records and warns, at most every 10 s. The caller holds the lock.
func (q *Queue) drop(records int, why string, err error) {
	q.stats.Dropped += uint64(records)
	if time.Since(q.warned) < 10*time.Second {
		return
	}
	q.warned = time.Now()
	q.log.Warn("spans dropped", "dropped", q.stats.Dropped, "reason", why, "err", err)
}

func (q *Queue) seal() {
	if q.open.records > 0 {
		q.sealed = append(q.sealed, q.open)
		q.open = batch{}
	}
}

func (q *Queue) poke() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// Stats returns the counts of this moment.
func (q *Queue) Stats() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.stats
}

func (q *Queue) run(ctx context.Context) {
	defer close(q.done)
	for {
		b, wait, ended := q.next()
		switch {
		case b.records > 0:
			if !q.deliver(ctx, b) {
				return
			}
		case ended:
			return
		default:
			q.sleep(ctx, wait)
		}
	}
}

// next takes the oldest batch, or says how long to wait for one, or that none will come.
func (q *Queue) next() (b batch, wait time.Duration, ended bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.sealed) == 0 && q.open.records > 0 {
		wait = q.cfg.BatchAge - time.Since(q.open.since)
		if q.closing || wait <= 0 {
			q.seal()
		}
	}
	if len(q.sealed) == 0 {
		if q.open.records == 0 {
			wait = time.Hour
		}
		return b, wait, q.closing
	}
	b, q.sealed = q.sealed[0], q.sealed[1:]
	return b, 0, false
}

func (q *Queue) sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-q.wake:
	case <-timer.C:
	}
}

// deliver sends b until it is taken or refused for good. It reports false when ctx ended first; b then counts as lost.
func (q *Queue) deliver(ctx context.Context, b batch) bool {
	backoff := q.cfg.MinBackoff
	for {
		err := q.send(ctx, b.data, b.records)
		if err == nil || errors.As(err, new(permanent)) {
			q.settle(b, err)
			return true
		}
		if ctx.Err() == nil {
			q.warn(err)
			// Half to the whole of the backoff, so that many processes do not come back at once.
			pause(ctx, backoff/2+rand.N(backoff/2+1))
			backoff = min(2*backoff, q.cfg.MaxBackoff)
		}
		if ctx.Err() != nil {
			q.mu.Lock()
			q.sealed = append([]batch{b}, q.sealed...)
			q.err = err
			q.mu.Unlock()
			return false
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

func (q *Queue) warn(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if time.Since(q.warned) >= 10*time.Second {
		q.warned = time.Now()
		q.log.Warn("spans not delivered, trying again", "queued", q.stats.Queued, "err", err)
	}
}

func (q *Queue) settle(b batch, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.bytes -= len(b.data)
	q.stats.Queued -= uint64(b.records)
	if err != nil {
		q.drop(b.records, "refused", err)
		return
	}
	q.stats.Sent += uint64(b.records)
}

// Close sends what is queued until ctx ends, and returns an error that says how many records were lost by then. A
// second Close waits for the first and returns the same.
func (q *Queue) Close(ctx context.Context) error {
	q.once.Do(func() {
		q.mu.Lock()
		q.closing = true
		q.mu.Unlock()
		q.poke()
		stop := context.AfterFunc(ctx, q.cancel)
		<-q.done
		stop()
		q.cancel()
		q.err = q.leftOver()
	})
	<-q.done
	return q.err
}

// leftOver counts what was not sent as dropped.
func (q *Queue) leftOver() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	lost := q.stats.Queued
	q.stats.Queued, q.stats.Dropped = 0, q.stats.Dropped+lost
	q.sealed, q.open, q.bytes = nil, batch{}, 0
	if lost == 0 {
		return nil
	}
	return fmt.Errorf("%d spans lost: %w", lost, q.err)
}

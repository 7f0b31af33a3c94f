package delivery

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// A SendFunc takes one batch to the destination. It is called by up to Config.Senders goroutines at once, and must return when
// ctx ends. An error means that nothing of the batch was taken, unless it is a SendError that says otherwise; a panic means
// that one of its records is bad.
type SendFunc func(ctx context.Context, b Batch) error

// A Queue sends records in batches. Its methods may be called concurrently.
type Queue struct {
	cfg   Config
	send  SendFunc
	log   *slog.Logger
	spool *spool // nil for none

	mu      sync.Mutex
	ready   sync.Cond // of senders: there may be something to do
	changes uint64    // how often that was so because of the disk
	open    Batch     // that is being filled
	due     *time.Timer
	sealed  []Batch       // the oldest first
	free    []Batch       // to be filled again
	jobs    map[*job]bool // what the senders have in hand
	writing int           // batches that the spooler has in hand
	bytes   int           // of all batches in memory
	full    chan struct{} // tells the spooler that memory runs short
	trouble chan struct{} // tells the reporter that there is something to say
	stats   Stats
	unsaid  unsaid
	err     error  // of the latest attempt that failed
	mistake string // in the configuration, if that was the latest answer
	closing bool
	stopped bool

	failing   bool          // the latest attempt was refused
	back      chan struct{} // closed, and replaced, when the destination takes something after that
	notBefore time.Time     // the time that the destination has asked for

	ctx      context.Context // ends with the last attempt
	cancel   context.CancelFunc
	hurry    chan struct{} // closed when Close begins
	senders  sync.WaitGroup
	spooler  sync.WaitGroup
	sent     chan struct{} // closed when the senders have ended
	closed   chan struct{}
	reported chan struct{} // closed when the reporter has said everything
	lost     error
}

// New starts a queue's goroutines, which run until Close. What is found in the spool is sent first. The name of the
// destination may be among the logger's attributes: it must not hold credentials. A nil logger logs nothing. The error is
// the spool's.
func New(cfg Config, send SendFunc, log *slog.Logger) (*Queue, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	q := &Queue{cfg: cfg.withDefaults(), send: send, log: log, stats: Stats{DroppedBy: map[string]uint64{}}, jobs: map[*job]bool{},
		full: make(chan struct{}, 1), trouble: make(chan struct{}, 1), back: make(chan struct{}), hurry: make(chan struct{}),
		sent: make(chan struct{}), closed: make(chan struct{}), reported: make(chan struct{})}
	if cfg.Spool != "" {
		if err := q.recover(); err != nil {
			return nil, err
		}
	}
	q.ready.L = &q.mu
	q.ctx, q.cancel = context.WithCancel(context.Background())
	q.due = time.AfterFunc(time.Hour, q.ready.Signal)
	q.due.Stop()
	for range q.cfg.Senders {
		q.senders.Go(q.sendAll)
	}
	if q.spool != nil {
		q.spooler.Go(q.spoolAll)
	}
	go q.report()
	return q, nil
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
	if len(q.open.data)+len(record) > q.cfg.BatchBytes {
		q.seal()
	}
	if q.open.Len() == 0 {
		q.begin()
	}
	q.open.add(record)
	q.bytes += cost
	q.stats.Queued++
	if q.spool != nil && q.bytes > q.cfg.QueueBytes/2 { // the other half is for what comes while the disk is busy
		wake(q.full)
	}
}

// begin makes room for a batch. The caller holds the lock.
func (q *Queue) begin() {
	if last := len(q.free) - 1; last >= 0 {
		q.open, q.free = q.free[last], q.free[:last]
	}
	if q.open.data == nil { // all of it at once: growing would cost Add time, and memory beyond the bound
		q.open.data = make([]byte, 0, q.cfg.BatchBytes)
	}
	q.open.since = time.Now()
	q.due.Reset(q.cfg.BatchAge)
}

// seal ends the open batch. The caller holds the lock.
func (q *Queue) seal() {
	if q.open.Len() == 0 {
		return
	}
	q.sealed = append(q.sealed, q.open)
	q.open = Batch{}
	q.ready.Signal()
}

// shift takes the oldest sealed batch. The caller holds the lock.
func (q *Queue) shift() Batch {
	b := q.sealed[0]
	q.sealed[0] = Batch{} // or the array would hold on to its memory
	q.sealed = q.sealed[1:]
	return b
}

// reuse keeps a batch's memory for another. The caller holds the lock, and nobody else the batch.
func (q *Queue) reuse(b Batch) {
	if len(q.free) <= q.cfg.Senders && cap(b.data) == q.cfg.BatchBytes {
		q.free = append(q.free, Batch{data: b.data[:0], ends: b.ends[:0]})
	}
}

// drop counts lost records. The caller holds the lock.
func (q *Queue) drop(records int, reason string) {
	q.stats.Dropped += uint64(records)
	q.stats.DroppedBy[reason] += uint64(records)
	wake(q.trouble)
}

// changed tells the senders to look again. The caller holds the lock.
func (q *Queue) changed() {
	q.changes++
	q.ready.Broadcast()
}

// wake leaves word in a channel of one place.
func wake(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

package delivery

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// A SendFunc sends one batch to the destination. The queue calls it from up to Config.Senders
// goroutines at the same time. It must return when ctx ends.
//
// An error means that the destination accepted no span of the batch, and that the queue sends the
// batch again. A [SendError] determines otherwise. A panic is treated as a [Bisect] error.
type SendFunc func(ctx context.Context, b Batch) error

// A Queue sends encoded spans in batches. Its methods may be called concurrently.
type Queue struct {
	cfg   Config
	send  SendFunc
	log   *slog.Logger
	spool *spool // nil without Config.Spool

	mu            sync.Mutex
	work          sync.Cond     // wakes the senders
	generation    uint64        // incremented when the spool's state changes
	open          Batch         // the batch that Add fills
	ageTimer      *time.Timer   // wakes a sender when open reaches Config.BatchAge
	sealed        []Batch       // full batches, oldest first
	free          []Batch       // empty batches whose memory Add uses again
	jobs          map[*job]bool // jobs with a batch from memory
	spooling      int           // batches that the spooler has taken
	bytes         int           // cost of all batches in memory
	memoryLow     chan struct{} // notifies the spooler that half of Config.QueueBytes is used
	reportC       chan struct{} // notifies the reporter of pendingReport
	stats         Stats
	pendingReport pendingReport
	lastErr       error  // the latest error of an attempt, or of reading the spool
	configErr     string // the latest RetryAfterFix error; empty after a success
	closeCalled   bool
	stopped       bool // no further attempts

	failing   bool          // an attempt has failed since the latest success
	recovered chan struct{} // closed and replaced at the first success after a failure
	notBefore time.Time     // no attempt before this time, as the destination requested

	ctx          context.Context // of all attempts
	cancel       context.CancelFunc
	closing      chan struct{} // closed when Close is called
	senders      sync.WaitGroup
	spooler      sync.WaitGroup
	sendersDone  chan struct{} // closed when the senders have ended
	closed       chan struct{} // closed when every span is sent, spooled or dropped
	reporterDone chan struct{} // closed when the reporter has ended
	closeErr     error         // the result of Close; set before closed is closed
}

// New starts a queue whose goroutines run until [Queue.Close]. It opens the spool of Config.Spool,
// and the queue sends the spans found there first. The error is an error of the spool.
//
// A nil log logs nothing. The attributes of log may name the destination, but must not contain
// credentials.
func New(cfg Config, send SendFunc, log *slog.Logger) (*Queue, error) {
	return newQueue(cfg, send, log, disk{})
}

func newQueue(cfg Config, send SendFunc, log *slog.Logger, files fileSystem) (*Queue, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	q := &Queue{
		cfg:          cfg.withDefaults(),
		send:         send,
		log:          log,
		jobs:         map[*job]bool{},
		memoryLow:    make(chan struct{}, 1),
		reportC:      make(chan struct{}, 1),
		stats:        Stats{DroppedBy: map[string]uint64{}},
		recovered:    make(chan struct{}),
		closing:      make(chan struct{}),
		sendersDone:  make(chan struct{}),
		closed:       make(chan struct{}),
		reporterDone: make(chan struct{}),
	}
	if cfg.Spool != "" {
		if err := q.openSpool(files); err != nil {
			return nil, err
		}
	}
	q.work.L = &q.mu
	q.ctx, q.cancel = context.WithCancel(context.Background())
	q.ageTimer = time.AfterFunc(time.Hour, q.work.Signal)
	q.ageTimer.Stop()
	for range q.cfg.Senders {
		q.senders.Go(q.runSender)
	}
	if q.spool != nil {
		q.spooler.Go(q.runSpooler)
	}
	go q.runReporter()
	return q, nil
}

// Add copies an encoded span into the queue. If the queue is full or closed, the span is dropped.
// Add never blocks.
func (q *Queue) Add(span []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stats.Added++
	cost := len(span) + spanOverhead
	switch {
	case q.closeCalled:
		q.drop(1, Closed)
		return
	case q.bytes+cost > q.cfg.QueueBytes:
		q.drop(1, QueueFull)
		return
	case len(span) > maxSpanBytes:
		q.drop(1, TooBig)
		return
	}
	if len(q.open.data)+len(span) > q.cfg.BatchBytes {
		q.seal()
	}
	if q.open.Len() == 0 {
		q.startBatch()
	}
	q.open.add(span)
	q.bytes += cost
	q.stats.Queued++
	if q.spool != nil && q.bytes > q.cfg.QueueBytes/2 {
		notify(q.memoryLow) // the other half is for spans that are added while the disk is busy
	}
}

// startBatch prepares q.open for the first span. The caller holds the lock.
func (q *Queue) startBatch() {
	if last := len(q.free) - 1; last >= 0 {
		q.open, q.free = q.free[last], q.free[:last]
	}
	if q.open.data == nil {
		// Growing the slice instead would take time in Add, and memory beyond the bound.
		q.open.data = make([]byte, 0, q.cfg.BatchBytes)
	}
	q.open.firstAdd = time.Now()
	q.ageTimer.Reset(q.cfg.BatchAge)
}

// seal moves the open batch to q.sealed. The caller holds the lock.
func (q *Queue) seal() {
	if q.open.Len() == 0 {
		return
	}
	q.sealed = append(q.sealed, q.open)
	q.open = Batch{}
	q.work.Signal()
}

// popSealed takes the oldest sealed batch. The caller holds the lock.
func (q *Queue) popSealed() Batch {
	b := q.sealed[0]
	q.sealed[0] = Batch{} // releases its memory, which the array would keep
	q.sealed = q.sealed[1:]
	return b
}

// recycle keeps the memory of b for another batch. The caller holds the lock and is the last user
// of b.
func (q *Queue) recycle(b Batch) {
	if len(q.free) <= q.cfg.Senders && cap(b.data) == q.cfg.BatchBytes {
		q.free = append(q.free, Batch{data: b.data[:0], ends: b.ends[:0]})
	}
}

// drop counts dropped spans. The caller holds the lock.
func (q *Queue) drop(spans int, reason string) {
	q.stats.Dropped += uint64(spans)
	q.stats.DroppedBy[reason] += uint64(spans)
	notify(q.reportC)
}

// spoolChanged wakes the senders to look at the spool again. The caller holds the lock.
func (q *Queue) spoolChanged() {
	q.generation++
	q.work.Broadcast()
}

// notify sends to a channel of capacity 1 unless it is full.
func notify(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

package delivery

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// A SendFunc sends one batch to the destination. The queue calls it from up to Config.Senders
// goroutines at the same time. It must return when ctx ends. A call that does not is abandoned
// after 1 s: the queue sends the batch again while the call still runs.
//
// An error means that the destination accepted no span of the batch, and that the queue sends the
// batch again. A [SendError] determines otherwise. A panic is treated as a [Bisect] error.
type SendFunc func(ctx context.Context, b Batch) error

// A Queue sends encoded spans in batches. Its methods may be called concurrently.
//
// The senders deliver jobs, the writer and the reader use the disk, and the reporter logs. Only the
// writer and the reader wait for the disk, and they do not hold mu meanwhile.
type Queue struct {
	cfg   Config
	send  SendFunc
	log   *slog.Logger
	spool *spool // nil without Config.Spool

	mu        sync.Mutex
	open      Batch         // the batch that Add fills
	ageTimer  *time.Timer   // wakes a sender when open reaches Config.BatchAge
	free      []Batch       // empty batches whose memory Add uses again
	waiting   []*job        // in memory, full or old, oldest first
	loaded    []*job        // read from the spool, oldest first
	parked    []parkedJob   // refused
	jobs      map[*job]bool // those of senders, and those in parked
	remaining []*job        // those that the senders have left when the queue stopped
	bytes     int           // cost of all batches in memory
	stats     Stats

	work         sync.Cond     // wakes the senders
	idle         int           // senders that wait for work
	parkTimer    *time.Timer   // wakes the senders when the first of parked is due
	returned     sync.Cond     // signals that an abandoned Send has returned
	abandoned    int           // abandoned Sends that have not returned
	timeout      time.Duration // of the next attempt
	timeouts     int           // attempts with this time-out in a row that did not end in time
	failing      bool          // an attempt has failed since the latest success
	recovered    chan struct{} // closed and replaced at the first success after a failure
	notBefore    time.Time     // no attempt before this time, as the destination requested
	prober       *job          // the job that looks for evidence, see judge
	refusals     int           // jobs set aside since the latest success
	refusedInRow int           // refused attempts since the latest success
	lastErr      error         // the latest error of an attempt, or of reading the spool

	files          []*spoolFile  // complete, oldest first
	removals       []*spoolFile  // to be removed by the reader
	currentSpans   int           // spans in the file that the writer appends to
	appending      *job          // the writer appends it; nil when a sender has taken it
	appendingSince time.Time     // when the writer began
	reading        bool          // the reader reads a file
	readerWork     sync.Cond     // wakes the reader
	memoryLow      chan struct{} // notifies the writer that half of Config.QueueBytes is used
	sealWanted     chan struct{} // notifies the writer that the reader wants its file

	reportC       chan struct{} // notifies the reporter of pending
	pending       pendingReport
	reportedDrops uint64 // of Stats.Dropped, by the last line
	configErr     string // the latest error of reportRejected; empty after a success

	ctx          context.Context // of all attempts
	cancel       context.CancelFunc
	closeCalled  bool
	spoolAllFrom time.Time     // when a closing queue writes all spans to the spool
	stopped      bool          // no further attempts
	sendersEnded bool          // like sendersDone
	final        bool          // the counters do not change any more
	spoolErr     error         // of the end of the spool
	closing      chan struct{} // closed when Close is called
	sendLate     chan struct{} // closed when Close waits for Sends no longer
	diskLate     chan struct{} // the same for the disk
	logLate      chan struct{} // the same for the log handler
	senders      sync.WaitGroup
	sendersDone  chan struct{} // closed when the senders have ended
	readerDone   chan struct{} // closed when the reader has ended
	diskDone     chan struct{} // closed when the spool is closed
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
		stats:        Stats{DroppedBy: map[string]uint64{}},
		recovered:    make(chan struct{}),
		memoryLow:    make(chan struct{}, 1),
		sealWanted:   make(chan struct{}, 1),
		reportC:      make(chan struct{}, 1),
		closing:      make(chan struct{}),
		sendLate:     make(chan struct{}),
		diskLate:     make(chan struct{}),
		logLate:      make(chan struct{}),
		sendersDone:  make(chan struct{}),
		readerDone:   make(chan struct{}),
		diskDone:     make(chan struct{}),
		closed:       make(chan struct{}),
		reporterDone: make(chan struct{}),
	}
	q.timeout = min(firstTimeout, q.cfg.SendTimeout)
	if cfg.Spool != "" {
		if err := q.openSpool(files); err != nil {
			return nil, err
		}
	}
	q.work.L, q.returned.L, q.readerWork.L = &q.mu, &q.mu, &q.mu
	q.ctx, q.cancel = context.WithCancel(context.Background())
	q.ageTimer = time.AfterFunc(time.Hour, q.work.Signal)
	q.ageTimer.Stop()
	q.parkTimer = time.AfterFunc(time.Hour, q.work.Broadcast)
	q.parkTimer.Stop()
	for range q.cfg.Senders {
		q.senders.Go(q.runSender)
	}
	if q.spool != nil {
		go q.runWriter()
		go q.runReader()
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

// seal moves the open batch to q.waiting. The caller holds the lock.
func (q *Queue) seal() {
	if q.open.Len() == 0 {
		return
	}
	q.waiting = append(q.waiting, newJob(q.open))
	q.open = Batch{}
	q.work.Signal()
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
	q.report(dropped)
}

// notify sends to a channel of capacity 1 unless it is full.
func notify(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

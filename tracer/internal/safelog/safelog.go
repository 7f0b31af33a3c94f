// Package safelog makes a logger whose callers never run the code of its handler: a handler may
// hang, panic, or call back.
package safelog

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// maxWaiting is how many records wait for the handler. Further ones are dropped.
const maxWaiting = 1000

// New returns a logger that hands its records to log's handler, one after the other, in a goroutine
// that ends when there are no more.
func New(log *slog.Logger) *slog.Logger {
	if _, ok := log.Handler().(*handler); ok {
		return log
	}
	return slog.New(&handler{to: &queue{handler: log.Handler()}})
}

// Flush waits until the handler has taken all records of a logger that New has returned, for d at
// most. It returns at once for other loggers.
func Flush(log *slog.Logger, d time.Duration) {
	h, ok := log.Handler().(*handler)
	if !ok {
		return
	}
	select {
	case <-h.to.whenIdle():
		return
	default:
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-h.to.whenIdle():
	case <-timer.C:
	}
}

// A handler puts records into a queue.
type handler struct {
	to  *queue
	ops []op // for the handler behind the queue, before each record
}

type op func(slog.Handler) slog.Handler

// Enabled returns true: the handler behind the queue is asked later.
func (h *handler) Enabled(context.Context, slog.Level) bool { return true }

func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	h.to.add(item{context.WithoutCancel(ctx), h.ops, r.Clone()})
	return nil
}

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.with(func(to slog.Handler) slog.Handler { return to.WithAttrs(attrs) })
}

func (h *handler) WithGroup(name string) slog.Handler {
	return h.with(func(to slog.Handler) slog.Handler { return to.WithGroup(name) })
}

func (h *handler) with(o op) slog.Handler {
	return &handler{h.to, append(slices.Clip(h.ops), o)}
}

// A queue holds the records that wait for a handler.
type queue struct {
	handler slog.Handler

	mu      sync.Mutex
	waiting []item
	dropped int           // since the last record that was handled
	idle    chan struct{} // closed when the goroutine ends; nil if there is none
}

type item struct {
	ctx    context.Context
	ops    []op
	record slog.Record
}

func (q *queue) add(i item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) >= maxWaiting {
		q.dropped++
		return
	}
	q.waiting = append(q.waiting, i)
	if q.idle == nil {
		q.idle = make(chan struct{})
		go q.run()
	}
}

// whenIdle returns a channel that is closed when no record waits.
func (q *queue) whenIdle() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.idle != nil {
		return q.idle
	}
	closed := make(chan struct{})
	close(closed)
	return closed
}

// run hands over the records. A handler that ends the goroutine costs only its record.
func (q *queue) run() {
	done := false
	defer func() {
		if !done {
			go q.run()
		}
	}()
	for {
		i, ok := q.next()
		if !ok {
			done = true
			return
		}
		i.emit(q.handler)
	}
}

// next takes the next record. If there is none, the queue is idle.
func (q *queue) next() (i item, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.dropped > 0 {
		r := slog.NewRecord(time.Now(), slog.LevelWarn, "log records dropped", 0)
		r.AddAttrs(slog.Int("records", q.dropped))
		q.dropped = 0
		return item{context.Background(), nil, r}, true
	}
	if len(q.waiting) == 0 {
		close(q.idle)
		q.idle, q.waiting = nil, nil
		return i, false
	}
	i, q.waiting[0] = q.waiting[0], item{}
	q.waiting = q.waiting[1:]
	return i, true
}

// emit hands over a record. There is nowhere to report that the handler fails.
func (i item) emit(to slog.Handler) {
	defer func() { _ = recover() }()
	for _, o := range i.ops {
		to = o(to)
	}
	if to.Enabled(i.ctx, i.record.Level) {
		_ = to.Handle(i.ctx, i.record)
	}
}

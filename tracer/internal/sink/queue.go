// Package sink stands between the recorder and a destination: over a delivery queue, which retries
// and spools, or over a reporter of zipkin-go.
package sink

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"bookservice/tracer/delivery"
	"bookservice/tracer/finished"
	"bookservice/tracer/internal/guard"
)

// A Destination is what a [Queue] delivers to.
type Destination struct {
	Backend string // name of the backend, for errors and logs
	Address string // where the spans go, without credentials
	Encode  func(b []byte, s *finished.Span) []byte
	Send    delivery.SendFunc
	Close   func() // releases what Send uses; may be nil
	Live    bool   // Encode also takes spans that have not ended
}

const (
	// overtime is how much longer than the flush time-out closing may take.
	overtime = 900 * time.Millisecond
	// minCloseTime is how long the destination has to close in any case.
	minCloseTime = 100 * time.Millisecond
)

// A Queue encodes finished spans into a delivery queue.
type Queue struct {
	to    Destination
	queue *delivery.Queue
	flush time.Duration
	once  sync.Once
	log   *slog.Logger

	panicked atomic.Uint64 // spans for which Encode panicked
}

// NewQueue opens a queue. Its Close takes at most flush. If the queue cannot be opened, to is
// closed.
func NewQueue(
	to Destination, cfg delivery.Config, flush time.Duration, log *slog.Logger,
) (*Queue, error) {
	if to.Close == nil {
		to.Close = func() {}
	}
	log = log.With("backend", to.Backend, "to", to.Address)
	queue, err := delivery.New(cfg, to.Send, log)
	if err != nil {
		to.Close()
		return nil, err
	}
	return &Queue{to: to, queue: queue, flush: flush, log: log}, nil
}

// Consume encodes the span and queues it. A span for which Encode panics is dropped.
func (q *Queue) Consume(s *finished.Span, buf []byte) (next []byte) {
	defer func() {
		if cause := recover(); cause != nil {
			q.dropped(cause)
			next = buf
		}
	}()
	next = q.to.Encode(buf[:0], s)
	q.queue.Add(next)
	return next
}

// encoderPanicked is the reason for dropping a span for which Encode panicked.
const encoderPanicked = "encoder panicked"

// dropped counts a span for which Encode panicked, and logs the first one.
func (q *Queue) dropped(cause any) {
	if q.panicked.Add(1) == 1 {
		q.log.Error("encoder panicked, its spans are dropped", "panic", fmt.Sprint(cause))
	}
}

// ConsumeLive does the same with a span that has not ended, if the destination takes such spans.
func (q *Queue) ConsumeLive(s *finished.Span, buf []byte) []byte {
	if !q.to.Live {
		return buf
	}
	return q.Consume(s, buf)
}

// Close sends what is queued. The error says how many spans were lost. Close takes at most a second
// longer than the flush time-out, whatever the destination does.
func (q *Queue) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), q.flush)
	defer cancel()
	start := time.Now()
	err := q.queue.Close(ctx)
	q.once.Do(func() {
		closed := make(chan struct{})
		var panicked error
		go func() {
			defer close(closed)
			panicked = guard.Call(func() error { q.to.Close(); return nil })
		}()
		select {
		case <-closed:
			err = errors.Join(err, panicked)
		case <-time.After(max(minCloseTime, q.flush+overtime-time.Since(start))):
			err = errors.Join(err, errors.New("the destination does not close"))
		}
	})
	if err != nil {
		return fmt.Errorf("tracer: %s %s: %w", q.to.Backend, q.to.Address, err)
	}
	return nil
}

// Stats returns the counters of the queue.
func (q *Queue) Stats() delivery.Stats {
	s := q.queue.Stats()
	if n := q.panicked.Load(); n > 0 {
		s.Added += n
		s.Dropped += n
		s.DroppedBy[encoderPanicked] = n
	}
	return s
}

// Package sink stands between the recorder and a destination: over a delivery queue, which retries
// and spools, or over a reporter of zipkin-go.
package sink

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"bookservice/tracer/delivery"
	"bookservice/tracer/finished"
)

// A Destination is what a [Queue] delivers to.
type Destination struct {
	Backend string // name of the backend, for errors and logs
	Address string // where the spans go, without credentials
	Encode  func(b []byte, s *finished.Span) []byte
	Send    delivery.SendFunc
	Close   func() // releases what Send uses; may be nil
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
}

// NewQueue opens a queue. Its Close takes at most flush. If the queue cannot be opened, to is
// closed.
func NewQueue(
	to Destination, cfg delivery.Config, flush time.Duration, log *slog.Logger,
) (*Queue, error) {
	if to.Close == nil {
		to.Close = func() {}
	}
	queue, err := delivery.New(cfg, to.Send, log.With("backend", to.Backend, "to", to.Address))
	if err != nil {
		to.Close()
		return nil, err
	}
	return &Queue{to: to, queue: queue, flush: flush}, nil
}

// Consume encodes the span and queues it.
func (q *Queue) Consume(s *finished.Span, buf []byte) []byte {
	buf = q.to.Encode(buf[:0], s)
	q.queue.Add(buf)
	return buf
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
		go func() {
			defer close(closed)
			q.to.Close()
		}()
		select {
		case <-closed:
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
func (q *Queue) Stats() delivery.Stats { return q.queue.Stats() }

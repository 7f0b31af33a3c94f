package sink

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openzipkin/zipkin-go/model"
	"github.com/openzipkin/zipkin-go/reporter"

	"bookservice/tracer/delivery"
	"bookservice/tracer/finished"
)

const (
	// maxWaiting is how many spans wait for a reporter. Further ones are dropped.
	maxWaiting = 10000
	// warningEvery is the shortest time between two warnings about dropped spans.
	warningEvery = 10 * time.Second
)

// A TryReporter is a reporter that returns an error if it does not accept a span.
type TryReporter interface {
	TrySend(m model.SpanModel) error
}

// A Reporter hands finished spans to a reporter of zipkin-go from a goroutine of its own, so that
// the traced code never waits for the reporter.
type Reporter struct {
	name     string
	reporter reporter.Reporter
	log      *slog.Logger
	flush    time.Duration

	mu      sync.RWMutex // guards closed and the closing of spans
	closed  bool
	spans   chan model.SpanModel
	done    chan struct{} // closed when the reporter is closed
	expired chan struct{} // closed when the flush time has passed
	closing sync.Once
	err     error                 // of the reporter's Close
	lastErr atomic.Pointer[error] // of a TryReporter

	added, sent                                 atomic.Uint64
	fullQueue, afterClose, notFlushed, panicked atomic.Uint64 // dropped spans
	refused                                     atomic.Uint64 // by a TryReporter
}

// reporterPanicked is the reason for dropping a span for which the reporter panicked. The other
// reasons are those of package delivery.
const reporterPanicked = "reporter panicked"

// NewReporter returns a sink over r. Its Close takes at most flush.
func NewReporter(
	name string, r reporter.Reporter, flush time.Duration, log *slog.Logger,
) *Reporter {
	s := &Reporter{
		name: name, reporter: r, log: log.With("backend", name), flush: flush,
		spans:   make(chan model.SpanModel, maxWaiting),
		done:    make(chan struct{}),
		expired: make(chan struct{}),
	}
	go s.run()
	go s.warn()
	return s
}

// Consume queues a copy of the span.
func (s *Reporter) Consume(f *finished.Span, buf []byte) []byte {
	s.mu.RLock()
	defer s.mu.RUnlock()
	s.added.Add(1)
	if s.closed {
		s.afterClose.Add(1)
		return buf
	}
	select {
	case s.spans <- f.SpanModel():
	default:
		s.fullQueue.Add(1)
	}
	return buf
}

// warn logs the number of dropped spans, at most every 10 s. It has a goroutine of its own because
// the logger may block.
func (s *Reporter) warn() {
	tick := time.NewTicker(warningEvery)
	defer tick.Stop()
	for logged, last := uint64(0), false; !last; {
		select {
		case <-tick.C:
		case <-s.done:
			last = true
		case <-s.expired:
			last = true
		}
		if st := s.Stats(); st.Dropped > logged {
			attrs := []any{
				"dropped", st.Dropped - logged, "total", st.Dropped, "reasons", st.DropReasons(),
			}
			if err := s.lastErr.Load(); err != nil {
				attrs = append(attrs, "err", *err)
			}
			s.log.Warn("spans dropped", attrs...)
			logged = st.Dropped
		}
	}
}

func (s *Reporter) run() {
	defer close(s.done)
	for m := range s.spans {
		select {
		case <-s.expired:
			s.notFlushed.Add(1)
		default:
			s.send(m)
		}
	}
	s.err = s.reporter.Close()
}

func (s *Reporter) send(m model.SpanModel) {
	defer func() {
		if cause := recover(); cause != nil {
			s.panicked.Add(1)
			s.log.Error("reporter panicked", "panic", fmt.Sprint(cause))
		}
	}()
	if r, ok := s.reporter.(TryReporter); ok {
		if err := r.TrySend(m); err != nil {
			s.refused.Add(1)
			s.lastErr.Store(&err)
			return
		}
	} else {
		s.reporter.Send(m)
	}
	s.sent.Add(1)
}

// Close hands the waiting spans over and closes the reporter. A reporter that does not return in
// time is abandoned.
func (s *Reporter) Close() error {
	s.closing.Do(func() {
		s.mu.Lock()
		s.closed = true
		close(s.spans)
		s.mu.Unlock()
		time.AfterFunc(s.flush, func() { close(s.expired) })
	})
	select {
	case <-s.done:
	case <-s.expired:
	}
	select {
	case <-s.done:
		return s.closeError(s.err)
	default:
		return s.closeError(errors.New("not closed within the flush timeout"))
	}
}

func (s *Reporter) closeError(err error) error {
	lost := s.added.Load() - s.sent.Load()
	if last := s.lastErr.Load(); err == nil && last != nil {
		err = *last
	}
	switch {
	case err == nil && lost == 0:
		return nil
	case err == nil:
		return fmt.Errorf("tracer: %s: %d spans lost", s.name, lost)
	}
	return fmt.Errorf("tracer: %s: %d spans lost: %w", s.name, lost, err)
}

// Stats returns the counters of the sink.
func (s *Reporter) Stats() delivery.Stats {
	st := delivery.Stats{Sent: s.sent.Load()}
	for reason, n := range map[string]uint64{
		delivery.QueueFull:  s.fullQueue.Load(),
		delivery.Closed:     s.afterClose.Load(),
		delivery.NotFlushed: s.notFlushed.Load(),
		delivery.Refused:    s.refused.Load(),
		reporterPanicked:    s.panicked.Load(),
	} {
		if n == 0 {
			continue
		}
		if st.DroppedBy == nil {
			st.DroppedBy = map[string]uint64{}
		}
		st.DroppedBy[reason] = n
		st.Dropped += n
	}
	st.Added = max(s.added.Load(), st.Sent+st.Dropped)
	st.Queued = st.Added - st.Sent - st.Dropped
	return st
}

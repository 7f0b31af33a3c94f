package tracer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openzipkin/zipkin-go/model"
	"github.com/openzipkin/zipkin-go/reporter"
)

// A SinkFunc opens a destination for finished spans: any reporter of zipkin-go, or one of your own. Open calls it once
// for each tracer whose Config names it.
//
// Its Send is called by one goroutine, one span at a time, with spans that are its own to keep; it may block, and a panic
// in it costs that span only. Up to 10,000 spans wait for it, and further ones are dropped, counted, and warned of every
// 10 s. Close is called once, by the same goroutine, when all spans that could be handed over have been: what the reporter
// itself still holds is its own to flush.
type SinkFunc func(ctx context.Context, c Config) (reporter.Reporter, error)

// maxWaiting is how many spans wait for a reporter.
const maxWaiting = 10000

const warningEvery = 10 * time.Second

// reporterSink stands between the recorder and a reporter, so that nothing that is traced waits for the reporter.
type reporterSink struct {
	name     string
	reporter reporter.Reporter
	log      *slog.Logger
	flush    time.Duration

	mu      sync.RWMutex // spans is closed under it
	closed  bool
	spans   chan model.SpanModel
	done    chan struct{} // closed when the reporter is
	cancel  chan struct{} // closed when the flush time is over
	closing sync.Once
	err     error // of the reporter's Close

	added, sent, dropped atomic.Uint64
}

func newReporterSink(name string, r reporter.Reporter, c Config, o options) *reporterSink {
	s := &reporterSink{
		name: name, reporter: r, log: o.log.With("backend", name), flush: c.FlushTimeout,
		spans: make(chan model.SpanModel, maxWaiting), done: make(chan struct{}), cancel: make(chan struct{}),
	}
	go s.run()
	go s.warn()
	return s
}

// opener returns what opens this sink as a backend.
func (open SinkFunc) opener(name string) func(context.Context, Config, options) (sink, error) {
	return func(ctx context.Context, c Config, o options) (sink, error) {
		r, err := open(ctx, c)
		if err != nil {
			return nil, fmt.Errorf("tracer: %s: %w", name, err)
		}
		return newReporterSink(name, r, c, o), nil
	}
}

func (s *reporterSink) consume(f *finished) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	s.added.Add(1)
	if !s.closed {
		select {
		case s.spans <- f.spanModel():
			return
		default:
		}
	}
	s.dropped.Add(1)
}

// warn says how many spans were dropped, every 10 s at most, from a goroutine of its own: a log may be slow.
func (s *reporterSink) warn() {
	tick := time.NewTicker(warningEvery)
	defer tick.Stop()
	for said := uint64(0); ; {
		over := false
		select {
		case <-tick.C:
		case <-s.done:
			over = true
		case <-s.cancel:
			over = true
		}
		if n := s.dropped.Load(); n > said {
			s.log.Warn("spans dropped: the queue was full, or closed", "dropped", n)
			said = n
		}
		if over {
			return
		}
	}
}

func (s *reporterSink) run() {
	defer close(s.done)
	for m := range s.spans {
		select {
		case <-s.cancel:
			s.dropped.Add(1)
		default:
			s.send(m)
		}
	}
	s.err = s.reporter.Close()
}

func (s *reporterSink) send(m model.SpanModel) {
	defer func() {
		if cause := recover(); cause != nil {
			s.dropped.Add(1)
			s.log.Error("panic in a reporter", "panic", fmt.Sprint(cause))
		}
	}()
	s.reporter.Send(m)
	s.sent.Add(1)
}

// Close hands over what waits within the flush timeout. A reporter that hangs is left behind.
func (s *reporterSink) Close() error {
	s.closing.Do(func() {
		s.mu.Lock()
		s.closed = true
		close(s.spans)
		s.mu.Unlock()
		time.AfterFunc(s.flush, func() { close(s.cancel) })
	})
	select {
	case <-s.done:
	case <-s.cancel:
	}
	select {
	case <-s.done:
		return s.wrap(s.err)
	default:
		return s.wrap(errors.New("not closed within the flush timeout"))
	}
}

func (s *reporterSink) wrap(err error) error {
	lost := s.added.Load() - s.sent.Load()
	switch {
	case err == nil && lost == 0:
		return nil
	case err == nil:
		return fmt.Errorf("tracer: %s: %d spans lost", s.name, lost)
	}
	return fmt.Errorf("tracer: %s: %d spans lost: %w", s.name, lost, err)
}

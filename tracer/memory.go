package tracer

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/openzipkin/zipkin-go/model"

	"bookservice/tracer/delivery"
	"bookservice/tracer/finished"
)

// maxMemory is the number of spans that a Memory holds.
const maxMemory = 10000

// A Memory holds the newest 10,000 finished spans of the tracers that share it. The zero value is
// empty. Its methods may be called concurrently.
type Memory struct {
	mu     sync.Mutex
	spans  []model.SpanModel // a ring once it is full
	oldest int
}

// Spans returns a copy of the list, in the order in which the spans finished.
func (m *Memory) Spans() []model.SpanModel {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Concat(m.spans[m.oldest:], m.spans[:m.oldest])
}

// add adds a span. It reports whether the span has replaced the oldest one.
func (m *Memory) add(s model.SpanModel) (replaced bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.spans) < maxMemory {
		m.spans = append(m.spans, s)
		return false
	}
	m.spans[m.oldest] = s
	m.oldest = (m.oldest + 1) % maxMemory
	return true
}

// memoryBackend returns the memory backend that keeps its spans in m.
func memoryBackend(m *Memory) Backend {
	return Backend{Name: "memory", Open: func(context.Context, Settings) (Sink, error) {
		return Sink{&memorySink{memory: m}}, nil
	}}
}

// A memorySink adds the spans of one tracer to a Memory until it is closed.
type memorySink struct {
	memory *Memory
	closed atomic.Bool

	kept, replaced, afterClose atomic.Uint64
}

// memoryFull is the reason for dropping the oldest span for a new one.
const memoryFull = "memory full"

func (s *memorySink) Consume(f *finished.Span, buf []byte) []byte {
	switch {
	case s.closed.Load():
		s.afterClose.Add(1)
	case s.memory.add(f.SpanModel()):
		s.replaced.Add(1)
	default:
		s.kept.Add(1)
	}
	return buf
}

// Stats returns the counters of the sink. A span that another has replaced counts as dropped.
func (s *memorySink) Stats() delivery.Stats {
	st := delivery.Stats{Sent: s.kept.Load(), DroppedBy: map[string]uint64{}}
	st.Added = st.Sent
	for reason, n := range map[string]uint64{
		memoryFull: s.replaced.Load(), delivery.Closed: s.afterClose.Load(),
	} {
		if n > 0 {
			st.DroppedBy[reason] = n
			st.Dropped += n
			st.Added += n
		}
	}
	return st
}

// Close keeps the spans, so that they can be read.
func (s *memorySink) Close() error {
	s.closed.Store(true)
	return nil
}

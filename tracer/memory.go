package tracer

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/openzipkin/zipkin-go/model"

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

func (m *Memory) add(s model.SpanModel) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.spans) < maxMemory {
		m.spans = append(m.spans, s)
		return
	}
	m.spans[m.oldest] = s
	m.oldest = (m.oldest + 1) % maxMemory
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
}

func (s *memorySink) Consume(f *finished.Span, buf []byte) []byte {
	if !s.closed.Load() {
		s.memory.add(f.SpanModel())
	}
	return buf
}

// Close keeps the spans, so that they can be read.
func (s *memorySink) Close() error {
	s.closed.Store(true)
	return nil
}

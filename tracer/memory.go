package tracer

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/openzipkin/zipkin-go/model"
)

// maxMemory bounds what a Memory holds; beyond that the oldest spans go.
const maxMemory = 10000

// Memory holds the newest 10,000 finished spans of the tracers that share it. It may be used concurrently.
type Memory struct {
	mu     sync.Mutex
	spans  []model.SpanModel // a ring once it is full
	oldest int
}

// Spans returns a copy of the list, in the order in which the spans were finished.
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

// memorySink is one tracer's way into a Memory.
type memorySink struct {
	to     *Memory
	closed atomic.Bool
}

func openMemory(_ context.Context, _ Config, o options) (sink, error) {
	if o.memory == nil {
		return &memorySink{to: &Memory{}}, nil
	}
	return &memorySink{to: o.memory}, nil
}

func (s *memorySink) consume(f *finished) {
	if !s.closed.Load() {
		s.to.add(f.spanModel())
	}
}

// Close implements sink. The spans stay: they are there to be read.
func (s *memorySink) Close() error {
	s.closed.Store(true)
	return nil
}

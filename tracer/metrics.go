package tracer

import (
	"sync"

	"bookservice/tracer/delivery"
)

// Stats counts what a tracer has done since it was opened.
type Stats struct {
	Finished       uint64 // recorded spans that have ended and were handed to the sinks
	SampledOut     uint64 // spans that were not recorded, counted at their start, or where sampling.priority said so later at their end
	Clamped        uint64 // finished spans that ended before they began, and were given a duration of 1 µs
	Malformed      uint64 // headers that could not be read; the X-B3 headers of a call are one
	BaggageDropped uint64 // baggage items that the limits or the list of allowed keys have refused
	Sinks          map[string]delivery.Stats
}

// Metrics reads the counters of a tracer of ours: the latest that was opened with it. The zero value is ready for use, and
// reads zeros until then. It may be used concurrently.
type Metrics struct {
	mu       sync.Mutex
	recorder *recorder
}

// WithMetrics has m read the tracer's counters.
func WithMetrics(m *Metrics) Option { return func(o *options) { o.metrics = m } }

// Stats returns the counts of this moment. Each is exact; they are not read at the same instant.
func (m *Metrics) Stats() Stats {
	m.mu.Lock()
	r := m.recorder
	m.mu.Unlock()
	if r == nil {
		return Stats{}
	}
	s := Stats{Finished: r.finished.Load(), SampledOut: r.unsampled.Load(), Clamped: r.clamped.Load(),
		Malformed: r.propagation.malformed.Load(), BaggageDropped: r.propagation.dropped.Load(), Sinks: map[string]delivery.Stats{}}
	for i, sink := range r.sinks {
		if counted, ok := sink.(interface{ stats() delivery.Stats }); ok {
			s.Sinks[r.names[i]] = counted.stats()
		}
	}
	return s
}

func (m *Metrics) watch(r *recorder) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.recorder = r
}

func (s *reporterSink) stats() delivery.Stats {
	st := delivery.Stats{Sent: s.sent.Load(), Dropped: s.dropped.Load()}
	st.Added = max(s.added.Load(), st.Sent+st.Dropped)
	st.Queued = st.Added - st.Sent - st.Dropped
	return st
}

package tracer

import (
	"sync"

	"bookservice/tracer/delivery"
	"bookservice/tracer/internal/recording"
)

// Stats are the counters of a tracer since it was opened.
type Stats struct {
	// Finished is the number of recorded spans that were handed to the sinks.
	Finished uint64
	// SampledOut is the number of spans that were not recorded. A span is counted when it starts,
	// or when it finishes if sampling.priority was set to 0 later.
	SampledOut uint64
	// Clamped is the number of finished spans that ended before they began, and were given a
	// duration of 1 µs, or whose start or end was replaced by the current time.
	Clamped uint64
	// Unfinished is the number of spans that were unfinished at Close, or that were reported with
	// the tag unfinished before that, because there were too many.
	Unfinished uint64
	// Live is the number of spans that were sent before they had ended, see [Config.LiveAfter].
	// They are added to the sinks once more than Finished counts.
	Live uint64
	// Malformed is the number of headers that could not be read. The X-B3 headers of one call count
	// as one.
	Malformed uint64
	// BaggageDropped is the number of baggage items that exceeded the limits or were not allowed.
	BaggageDropped uint64
	// Sinks has the counters of each backend, by name.
	Sinks map[string]delivery.Stats
}

// Metrics reads the counters of the tracer that was last opened with it. The zero value is ready to
// use, and reads zeros until then. Its methods may be called concurrently.
type Metrics struct {
	mu       sync.Mutex
	recorder *recording.Recorder
	sinks    map[string]recording.Sink
}

// Stats returns the current counters. Each is exact, but they are not read at one instant.
func (m *Metrics) Stats() Stats {
	m.mu.Lock()
	r, sinks := m.recorder, m.sinks
	m.mu.Unlock()
	if r == nil {
		return Stats{}
	}
	counts := r.Counts()
	s := Stats{
		Finished: counts.Finished, SampledOut: counts.Unsampled, Clamped: counts.Clamped,
		Unfinished: counts.Unfinished,
		Live:       counts.Live,
		Malformed:  counts.Malformed, BaggageDropped: counts.BaggageDropped,
		Sinks: map[string]delivery.Stats{},
	}
	for name, sink := range sinks {
		if counted, ok := sink.(interface{ Stats() delivery.Stats }); ok {
			s.Sinks[name] = counted.Stats()
		}
	}
	return s
}

func (m *Metrics) watch(r *recording.Recorder, names []string, sinks []recording.Sink) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.recorder, m.sinks = r, map[string]recording.Sink{}
	for i, name := range names {
		m.sinks[name] = sinks[i]
	}
}

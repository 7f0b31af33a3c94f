package store

import (
	"cmp"
	"math"
	"slices"

	"bookservice/tracer/collector/internal/zipkinv2"
)

// An OpenSpan is a span whose end was not reported.
type OpenSpan struct {
	TraceID   string `json:"traceId"`
	ID        string `json:"id"`
	Service   string `json:"service"`
	Name      string `json:"name"`
	Timestamp int64  `json:"timestamp"` // microseconds since 1970
}

// Running returns at most limit open spans, the longest first.
func (s *Store) Running(limit int) []OpenSpan {
	s.mu.RLock()
	defer s.mu.RUnlock()
	open := []OpenSpan{}
	for t := range s.open {
		for i, span := range t.spans {
			state := t.ids[span.ID]
			if span.Timestamp == 0 || !state.open() || t.laterStart(state, i) {
				continue
			}
			open = append(open, OpenSpan{
				TraceID: span.TraceID.String(), ID: string(zipkinv2.AppendID(nil, span.ID)),
				Service: span.LocalService(), Name: span.Name, Timestamp: span.Timestamp,
			})
		}
	}
	slices.SortFunc(open, func(a, b OpenSpan) int {
		return cmp.Or(cmp.Compare(a.Timestamp, b.Timestamp), cmp.Compare(a.TraceID, b.TraceID),
			cmp.Compare(a.ID, b.ID))
	})
	return open[:min(limit, len(open))]
}

// laterStart reports whether a later piece of the same id has a start too.
func (t *trace) laterStart(state idState, i int) bool {
	at := state.head
	for n := 0; int(at) > i && n < maxPieces; at, n = t.previous[at], n+1 {
		if t.spans[at].Timestamp != 0 {
			return true
		}
	}
	return false
}

// A Bucket counts durations above the bound of the bucket before it.
type Bucket struct {
	Bound int64 `json:"le"` // microseconds
	Count int   `json:"count"`
}

// Durations are those of all spans of one name, in microseconds.
type Durations struct {
	Count     int      `json:"count"`
	Min       int64    `json:"min"`
	P50       int64    `json:"p50"`
	P90       int64    `json:"p90"`
	P99       int64    `json:"p99"`
	Max       int64    `json:"max"`
	Histogram []Bucket `json:"histogram"`
}

// Durations returns the durations of the stored spans of this service, name and kind. An empty name
// is that of spans without one. A nil kind is any.
func (s *Store) Durations(service, name string, kind *zipkinv2.Kind) Durations {
	q := Query{Service: service}
	all := []int64{}
	for _, v := range s.views(math.MinInt64, math.MaxInt64, q.hasService) {
		for _, span := range v.spans {
			if span.Duration > 0 && span.Name == name && span.LocalService() == service &&
				(kind == nil || span.Kind == *kind) {
				all = append(all, span.Duration)
			}
		}
	}
	slices.Sort(all)
	d := Durations{Count: len(all), Histogram: histogram(all)}
	if len(all) > 0 {
		d.Min, d.Max = all[0], all[len(all)-1]
		d.P50, d.P90, d.P99 = rank(all, 50), rank(all, 90), rank(all, 99)
	}
	return d
}

// rank returns the smallest value that is not below percent of the sorted values.
func rank(sorted []int64, percent int) int64 {
	return sorted[(len(sorted)*percent+99)/100-1]
}

// histogram counts in buckets whose bounds are 1, 2 and 5 times a power of ten, from the first to
// the last one that has a value.
func histogram(sorted []int64) []Bucket {
	buckets := []Bucket{}
	bound, step := int64(1), 0
	i := 0
	for i < len(sorted) {
		count := 0
		for i < len(sorted) && sorted[i] <= bound {
			count++
			i++
		}
		if count > 0 || len(buckets) > 0 {
			buckets = append(buckets, Bucket{bound, count})
		}
		if bound > math.MaxInt64/10 {
			bound = math.MaxInt64
			continue
		}
		if step%3 == 1 {
			bound = bound / 2 * 5
		} else {
			bound *= 2
		}
		step++
	}
	return buckets
}

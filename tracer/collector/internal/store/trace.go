package store

import (
	"slices"
	"time"

	"bookservice/tracer/collector/internal/zipkinv2"
)

// A trace is all pieces that have the same low 64 bits of their trace id.
type trace struct {
	low      uint64
	spans    []*zipkinv2.Span // in the order of arrival; only appended to
	previous []int32          // for each piece the previous one of the same id, or -1
	ids      map[uint64]idState
	bytes    int64
	seq      uint64 // of the last change

	older, newer *trace // in the order of the last change

	first, last int64 // microseconds: earliest start, latest end
	newest      int64 // milliseconds: latest start
	root        int   // index of the piece that names the trace
	distinct    int   // spans, of which each may have several pieces
	errors      int
	open        int
	missing     int
	services    []ServiceCount
}

// An idState is what is known of the pieces with one id.
type idState struct {
	head             int32 // latest piece, or -1 if the id is only known as a parent
	started, stopped bool  // there is a piece without a duration; with one
}

func (s idState) open() bool { return s.head >= 0 && s.started && !s.stopped }

// maxPieces limits how many pieces of one id a new piece is compared with.
const maxPieces = 64

// Estimates of the memory that is used beside texts, in bytes.
const (
	traceBytes      = 600
	spanBytes       = 144 + 8 + 4 + 32 // the span, its places in the trace and in the index
	tagBytes        = 32
	annotationBytes = 24
)

func sizeOf(s *zipkinv2.Span) int64 {
	size := spanBytes + len(s.Name) + endpointSize(s.Local) + endpointSize(s.Remote)
	for _, t := range s.Tags {
		size += tagBytes + len(t.Key) + len(t.Value)
	}
	for _, a := range s.Annotations {
		size += annotationBytes + len(a.Value)
	}
	return int64(size)
}

func endpointSize(e *zipkinv2.Endpoint) int {
	if e == nil {
		return 0
	}
	return len(e.Service) + len(e.IPv4) + len(e.IPv6)
}

// add adds a piece. It reports false if the trace has an equal one already.
func (t *trace) add(s *zipkinv2.Span) bool {
	state, known := t.ids[s.ID]
	if !known {
		state.head = -1
	}
	sameSpan, sameFailed := false, false
	for i, n := state.head, 0; i >= 0 && n < maxPieces; i, n = t.previous[i], n+1 {
		other := t.spans[i]
		if other.Equal(s) {
			return false
		}
		if other.Shared == s.Shared && other.LocalService() == s.LocalService() &&
			!clientAndServer(other.Kind, s.Kind) {
			sameSpan = true
			_, failed := other.Tag("error")
			sameFailed = sameFailed || failed
		}
	}
	t.link(s, state, known)
	t.count(s, !sameSpan, !sameFailed)
	t.clock(s)
	t.pickRoot(len(t.spans) - 1)
	return true
}

func clientAndServer(a, b zipkinv2.Kind) bool {
	return a != b && a != zipkinv2.KindNone && b != zipkinv2.KindNone
}

// link appends the piece and keeps the index, the open spans and the missing parents.
func (t *trace) link(s *zipkinv2.Span, state idState, known bool) {
	if state.open() {
		t.open--
	}
	if known && state.head < 0 {
		t.missing--
	}
	t.previous = append(t.previous, state.head)
	state.head = int32(len(t.spans)) // memory ends long before
	t.spans = append(t.spans, s)
	state.started = state.started || s.Timestamp != 0 && s.Duration == 0
	state.stopped = state.stopped || s.Duration != 0
	if state.open() {
		t.open++
	}
	t.ids[s.ID] = state
	if _, ok := t.ids[s.Parent]; !ok && s.Parent != 0 {
		t.ids[s.Parent] = idState{head: -1}
		t.missing++
	}
}

func (t *trace) count(s *zipkinv2.Span, isSpan, isError bool) {
	_, failed := s.Tag("error")
	isError = isError && failed
	if isSpan {
		t.distinct++
	}
	if isError {
		t.errors++
	}
	service := s.LocalService()
	if service == "" {
		return
	}
	i := slices.IndexFunc(t.services, func(c ServiceCount) bool { return c.Name == service })
	if i < 0 {
		i = len(t.services)
		t.services = append(t.services, ServiceCount{Name: service})
	}
	if isSpan {
		t.services[i].Spans++
	}
	if isError {
		t.services[i].Errors++
	}
}

func (t *trace) clock(s *zipkinv2.Span) {
	if s.Timestamp == 0 {
		return
	}
	if t.first == 0 || s.Timestamp < t.first {
		t.first = s.Timestamp
	}
	t.last = max(t.last, s.Timestamp+s.Duration)
	t.newest = max(t.newest, s.Timestamp/1000)
}

// pickRoot decides whether piece i names the trace: the first one without a parent does, otherwise
// the earliest.
func (t *trace) pickRoot(i int) {
	if i == 0 {
		t.root = 0
		return
	}
	s, root := t.spans[i], t.spans[t.root]
	top, rootTop := isTop(s), isTop(root)
	switch {
	case top != rootTop:
		if top {
			t.root = i
		}
	case top:
		if root.Name == "" && s.Name != "" {
			t.root = i
		}
	case s.Timestamp != 0 && (root.Timestamp == 0 || s.Timestamp < root.Timestamp):
		t.root = i
	}
}

func isTop(s *zipkinv2.Span) bool { return s.Parent == 0 && !s.Shared }

// A ServiceCount is one service's part of a trace.
type ServiceCount struct {
	Name   string `json:"name"`
	Spans  int    `json:"spans"`
	Errors int    `json:"errors"`
}

// A Summary is a trace in a list. Times are in microseconds.
type Summary struct {
	TraceID     string         `json:"traceId"`
	RootService string         `json:"rootService"`
	RootName    string         `json:"rootName"`
	Timestamp   int64          `json:"timestamp"`
	Duration    int64          `json:"duration"`
	Spans       int            `json:"spans"`
	Errors      int            `json:"errors"`
	Open        int            `json:"open"`
	Missing     int            `json:"missing"`
	Services    []ServiceCount `json:"services"`
	Seq         uint64         `json:"seq"`
}

func (t *trace) summary() Summary {
	root, last := t.spans[t.root], t.last
	if t.open > 0 {
		last = max(last, time.Now().UnixMicro())
	}
	return Summary{
		TraceID: root.TraceID.String(), RootService: root.LocalService(), RootName: root.Name,
		Timestamp: t.first, Duration: last - t.first,
		Spans: t.distinct, Errors: t.errors, Open: t.open, Missing: t.missing,
		Services: append([]ServiceCount{}, t.services...), Seq: t.seq,
	}
}

package tracer

import (
	"net/netip"
	"sync"
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/log"
	"github.com/openzipkin/zipkin-go/model"
)

// Limits on what one span exports. What goes beyond is cut, or left out, without a word to the caller: a span is
// never the reason for an error.
const (
	maxName  = 1 << 10 // bytes of a span's name
	maxKey   = 1 << 8  // bytes of a tag's key
	maxValue = 1 << 12 // bytes of a tag's value, and of a log record
	maxTags  = 128
	maxLogs  = 128
)

// A span that is recorded. Everything said about it stays here until Finish; from then on nothing is written, so that
// the replay reads without the lock. Only the context may still change: baggage stays settable after Finish.
type span struct {
	tracer     *recorder
	own        SpanContext
	exported   uint64 // the parent's id, as it is sent
	fromRemote bool   // the parent is another process's
	above      *span  // see place.go; nil once done
	start      time.Time

	mu       sync.Mutex
	ctx      *SpanContext // &own until baggage is set
	done     bool
	left     bool   // nobody is going to finish it
	below    []held // see place.go
	failed   bool   // the error tag is true
	name     string
	kind     model.Kind
	peer     peer
	priority decision // given after the start; undecided for most
	reason   string   // the message of a logged error
	tags     []tag
	inline   [6]tag // the first of tags, to spare an allocation
	logs     []record
}

// A tag's value is kept as text, and what it was beside it: OTLP sends numbers as numbers.
type tag struct {
	key, value string
	typ        valueType
}

type valueType uint8

const (
	typeString valueType = iota
	typeBool
	typeInt // fits in an int64
	typeFloat
)

type peer struct {
	service string
	ip      netip.Addr
	port    uint16
}

func (s *span) Tracer() opentracing.Tracer { return s.tracer }

func (s *span) Context() opentracing.SpanContext {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ctx
}

func (s *span) SetOperationName(name string) opentracing.Span {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.done {
		s.name = limited(name, maxName)
	}
	return s
}

func (s *span) SetTag(key string, value any) opentracing.Span {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.done {
		s.setTag(key, value)
	}
	return s
}

func (s *span) SetBaggageItem(key, value string) opentracing.Span {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ctx = s.tracer.propagation.withBaggage(s.ctx, key, value)
	s.tracer.propagation.tagItem(s, key)
	return s
}

func (s *span) BaggageItem(key string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ctx.baggageItem(key)
}

func (s *span) LogFields(fields ...log.Field) {
	s.log(time.Now(), fields)
}

func (s *span) LogKV(keyValues ...any) {
	if fields, err := log.InterleavedKVToFields(keyValues...); err == nil {
		s.log(time.Now(), fields)
	}
}

func (s *span) LogEvent(event string) {
	s.Log(opentracing.LogData{Event: event})
}

func (s *span) LogEventWithPayload(event string, payload any) {
	s.Log(opentracing.LogData{Event: event, Payload: payload})
}

func (s *span) Log(data opentracing.LogData) {
	record := data.ToLogRecord()
	s.log(record.Timestamp, record.Fields)
}

// log renders the record before it takes the lock: what renders it may be the user's, and use the span.
func (s *span) log(at time.Time, fields []log.Field) {
	r := newRecord(at, fields)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.done {
		s.addLog(r)
	}
}

func (s *span) addLog(r record) {
	if len(s.logs) == maxLogs || len(r.fields) == 0 {
		return
	}
	s.logs = append(s.logs, r)
	if reason := r.get(fieldObject); reason != "" {
		s.reason = reason
	}
}

func (s *span) Finish() {
	s.FinishWithOptions(opentracing.FinishOptions{})
}

// FinishWithOptions ends the span and hands it to the sinks. Only the first call counts.
func (s *span) FinishWithOptions(opts opentracing.FinishOptions) {
	end := opts.FinishTime
	if end.IsZero() {
		end = time.Now()
	}
	if !s.finish(opts) {
		return
	}
	above := s.above
	s.above = nil // or a long chain of spans would keep all of them
	switch inner := (held{s, end.Sub(s.start)}); {
	case s.priority == deny:
		s.tracer.unsampled.Add(1)
	case above == nil || s.kind != model.Server || !s.tracer.holdBelow(above, inner):
		inner.send()
	}
	s.finishBelow() // if s is held itself too: it will be sent, or has been
}

// finishBelow sends what has waited for s to be finished.
func (s *span) finishBelow() {
	s.mu.Lock()
	below := s.below
	s.below = nil
	s.mu.Unlock()
	for _, h := range below {
		if s.priority == deny {
			h.takePlaceOf(s)
		}
		h.span.tracer.forget(s)
		h.send()
	}
}

// finish closes the span to all writers and reports whether this call was the one that did.
func (s *span) finish(opts opentracing.FinishOptions) bool {
	var records []record
	for _, given := range opts.LogRecords {
		records = append(records, newRecord(given.Timestamp, given.Fields))
	}
	for _, data := range opts.BulkLogData {
		given := data.ToLogRecord()
		records = append(records, newRecord(given.Timestamp, given.Fields))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done {
		return false
	}
	for _, r := range records {
		s.addLog(r)
	}
	s.done = true
	return true
}

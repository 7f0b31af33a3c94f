package recording

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/log"

	"bookservice/tracer/finished"
	"bookservice/tracer/internal/spancontext"
	"bookservice/tracer/internal/truncate"
)

// A span is recorded. It collects its data until it is closed. After that only its context changes,
// because baggage may still be set, and whoever sends the span reads it without the lock.
type span struct {
	tracer  *Recorder
	own     recordedContext
	listing listing // see open.go

	mu             sync.Mutex
	ctx            *recordedContext // &own until baggage is set
	fate           fate
	kind           uint8                // of kinds
	priority       spancontext.Decision // set after the start; usually undecided
	failed         bool                 // the error tag is true
	clamped        bool                 // a time was replaced, or the span ended before it started
	remoteParent   bool                 // another process made the parent
	isLive         bool                 // a copy of an unfinished span, see live
	reportedParent uint64               // the parent id that is sent
	family         family
	start          time.Time
	duration       time.Duration // until the span is closed: how long it has lasted at least
	name           string
	peer           peer
	errorText      string // the error tag, if it is a text
	tags           []finished.Tag
	inline         [6]finished.Tag // backs tags at first, to save an allocation
	logs           *logs           // nil if there are none
	links          *links          // the same
}

// end returns when the span ended, or how long it has lasted at least.
func (s *span) end() time.Time { return s.start.Add(s.duration) }

// age returns the time since the start.
func (s *span) age(now time.Time) time.Duration { return now.Sub(s.start) }

func (s *span) Tracer() opentracing.Tracer { return s.tracer }

// String returns the ids of the span. Package fmt would otherwise read all fields, without the
// lock.
func (s *span) String() string { return s.own.String() }

// Format implements [fmt.Formatter]: every verb formats the string.
func (s *span) Format(f fmt.State, verb rune) { s.own.Format(f, verb) }

func (s *span) Context() opentracing.SpanContext {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ctx
}

func (s *span) SetOperationName(name string) opentracing.Span {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.takesChanges() {
		s.name = truncate.UTF8(name, maxName)
	}
	return s
}

func (s *span) SetTag(key string, value any) opentracing.Span {
	c := newChange(key, value)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.takesChanges() {
		s.apply(c)
	}
	return s
}

func (s *span) SetBaggageItem(key, value string) opentracing.Span {
	s.mu.Lock()
	defer s.mu.Unlock()
	if with, ok := s.tracer.cfg.Propagator.SetBaggage(s.ctx.Propagated, key, value); ok {
		next := *s.ctx
		next.Propagated = with
		s.ctx = &next
	}
	if s.takesChanges() && slices.Contains(s.tracer.cfg.BaggageTags, key) {
		s.tagBaggageItem(key)
	}
	return s
}

// tagBaggage sets the baggage items that the configuration names as tags. No other goroutine has
// the span yet.
func (s *span) tagBaggage() {
	if s.ctx.Propagated == nil {
		return
	}
	for _, key := range s.tracer.cfg.BaggageTags {
		s.tagBaggageItem(key)
	}
}

// tagBaggageItem sets an item as a tag. The item may come from another process, so its key has no
// special meaning.
func (s *span) tagBaggageItem(key string) {
	if s.ctx.Propagated == nil {
		return
	}
	for _, item := range s.ctx.Propagated.Baggage {
		if item.Key == key {
			s.putTag(finished.Tag{
				Key: truncate.UTF8(key, maxKey), Value: truncate.UTF8(item.Value, maxValue),
			})
		}
	}
}

func (s *span) BaggageItem(key string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ctx.BaggageItem(key)
}

func (s *span) LogFields(fields ...log.Field) {
	s.log(time.Now(), fields)
}

func (s *span) LogKV(keyValues ...any) {
	if fields, ok := interleaved(keyValues); ok {
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

// log renders the fields before it takes the lock: rendering may call the user's code, which may
// use the span.
func (s *span) log(at time.Time, fields []log.Field) {
	r := newLogRecord(at, fields)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.takesChanges() {
		s.logs = s.logs.and(r)
	}
}

func (s *span) Finish() {
	s.FinishWithOptions(opentracing.FinishOptions{})
}

// FinishWithOptions ends the span and hands it to the sinks. Later calls have no effect.
func (s *span) FinishWithOptions(opts opentracing.FinishOptions) {
	end, ok := time.Now(), true
	if !opts.FinishTime.IsZero() {
		end, ok = clampTime(opts.FinishTime)
	}
	given := logsOf(opts)
	s.mu.Lock()
	if !s.takesChanges() {
		s.mu.Unlock()
		return
	}
	s.logs = s.logs.with(given)
	s.duration = end.Sub(s.start)
	s.clamped = s.clamped || !ok || s.duration < 0
	if s.fate == replaced {
		send := s.finishReplaced()
		s.mu.Unlock()
		send()
		return
	}
	fate := reported
	if s.denied() {
		fate = dropped
		s.tracer.unsampled.Add(1)
	}
	ending := s.close(fate)
	s.mu.Unlock()
	ending.settle()
}

// logsOf renders the log records of the options.
func logsOf(opts opentracing.FinishOptions) (given *logs) {
	for _, r := range opts.LogRecords {
		given = given.and(newLogRecord(r.Timestamp, r.Fields))
	}
	for _, data := range opts.BulkLogData {
		r := data.ToLogRecord()
		given = given.and(newLogRecord(r.Timestamp, r.Fields))
	}
	return given
}

package recording

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/log"

	"bookservice/tracer/finished"
	"bookservice/tracer/internal/spancontext"
	"bookservice/tracer/internal/truncate"
)

// Limits on what one span exports. What exceeds them is truncated or left out without an error: a
// span must never make the traced code fail.
const (
	maxName  = 1 << 10 // bytes of a span's name
	maxKey   = 1 << 8  // bytes of a tag's key
	maxValue = 1 << 12 // bytes of a tag's value, and of a log record
	maxTags  = 128
	maxLogs  = 128 // the oldest and the newest half
	maxLinks = 128
)

// A span is recorded. It collects its data until Finish. After that only its context changes,
// because baggage may still be set; the replay therefore reads without the lock.
type span struct {
	tracer         *Recorder
	own            recordedContext
	reportedParent uint64 // the parent id that is sent
	parent         *span  // the parent, if this process records it; see family.go
	start          time.Time
	older, newer   *span // in the list of unfinished spans, whose lock guards them

	mu           sync.Mutex
	ctx          *recordedContext // &own until baggage is set
	remoteParent bool             // another process made the parent
	done         bool
	fate         fate
	forgotten    bool            // no longer in the list of unfinished spans
	failed       bool            // the error tag is true
	family       *family         // nil until a child has finished
	request      context.Context // that holds the span, if it can be done
	name         string
	kind         uint8 // of kinds
	peer         peer
	priority     spancontext.Decision // set after the start; usually undecided
	errorText    string               // the error tag, if it is a text
	errorMessage string               // of a logged error
	tags         []finished.Tag
	inline       [6]finished.Tag      // backs tags at first, to save an allocation
	logs         []finished.LogRecord // see addLog
	droppedLogs  int
	links        []finished.Link
	clamped      bool // the start was replaced
}

type peer struct {
	service string
	host    string // a name
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
		s.name = truncate.UTF8(name, maxName)
	}
	return s
}

func (s *span) SetTag(key string, value any) opentracing.Span {
	c := newChange(key, value)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.done {
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
	if !s.done && slices.Contains(s.tracer.cfg.BaggageTags, key) {
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

// log renders the fields before it takes the lock: rendering may call the user's code, which may
// use the span.
func (s *span) log(at time.Time, fields []log.Field) {
	r := newLogRecord(at, fields)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.done {
		s.addLog(r)
	}
}

// addLog keeps the oldest and the newest log records: often the last one says what went wrong. The
// newest half of logs is a ring once logs are dropped.
func (s *span) addLog(r finished.LogRecord) {
	if len(r.Fields) == 0 {
		return
	}
	if message := loggedError(r); message != "" {
		s.errorMessage = message
	}
	if len(s.logs) < maxLogs {
		s.logs = append(s.logs, r)
		return
	}
	s.logs[maxLogs/2+s.droppedLogs%(maxLogs/2)] = r
	s.droppedLogs++
}

// sortLogs returns the log records in order.
func (s *span) sortLogs() []finished.LogRecord {
	if s.droppedLogs == 0 {
		return s.logs
	}
	newest := s.logs[maxLogs/2:]
	oldest := s.droppedLogs % len(newest)
	return slices.Concat(s.logs[:maxLogs/2], newest[oldest:], newest[:oldest])
}

func (s *span) Finish() {
	s.FinishWithOptions(opentracing.FinishOptions{})
}

// FinishWithOptions ends the span and hands it to the sinks. Later calls have no effect.
func (s *span) FinishWithOptions(opts opentracing.FinishOptions) {
	end, clamped := time.Now(), false
	if !opts.FinishTime.IsZero() {
		var ok bool
		end, ok = clampTime(opts.FinishTime)
		clamped = !ok
	}
	fate, child, ok := s.finish(opts)
	if !ok {
		return
	}
	if fate == dropped {
		s.tracer.drop(s, child)
		return
	}
	s.tracer.ended(s)
	parent := s.parent
	s.parent = nil // otherwise a chain of spans would keep all of its members in memory
	if clamped || s.clamped || end.Before(s.start) {
		s.tracer.clamped.Add(1)
	}
	settle(parent, deferred{s, end})
	if child != nil {
		child.send()
	}
}

// finish closes the span, and returns the child that was deferred. It reports false if the span was
// closed already.
func (s *span) finish(opts opentracing.FinishOptions) (f fate, child *deferred, ok bool) {
	var records []finished.LogRecord
	for _, given := range opts.LogRecords {
		records = append(records, newLogRecord(given.Timestamp, given.Fields))
	}
	for _, data := range opts.BulkLogData {
		given := data.ToLogRecord()
		records = append(records, newLogRecord(given.Timestamp, given.Fields))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done {
		return unfinished, nil, false
	}
	for _, r := range records {
		s.addLog(r)
	}
	f = reported
	if s.denied() {
		f = dropped
	}
	return f, s.close(f), true
}

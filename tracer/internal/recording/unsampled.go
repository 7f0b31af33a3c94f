package recording

import (
	"fmt"
	"sync/atomic"

	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/log"

	"bookservice/tracer/internal/spancontext"
)

// An unsampledSpan propagates its trace and records nothing. Most spans of a busy service are
// unsampled, so the type is small.
type unsampledSpan struct {
	tracer *Recorder
	own    spancontext.Context
	latest atomic.Pointer[spancontext.Context] // set with the first baggage item
}

func (s *unsampledSpan) current() *spancontext.Context {
	if c := s.latest.Load(); c != nil {
		return c
	}
	return &s.own
}

func (s *unsampledSpan) SetBaggageItem(key, value string) opentracing.Span {
	for {
		old := s.latest.Load()
		from := old
		if from == nil {
			from = &s.own
		}
		with, ok := s.tracer.cfg.Propagator.SetBaggage(from.Propagated, key, value)
		if !ok {
			return s
		}
		next := *from
		next.Propagated = with
		if s.latest.CompareAndSwap(old, &next) {
			return s
		}
	}
}

// String returns the ids of the span. Package fmt would otherwise read all fields, without the
// lock.
func (s *unsampledSpan) String() string { return s.own.String() }

// Format implements [fmt.Formatter]: every verb formats the string.
func (s *unsampledSpan) Format(f fmt.State, verb rune) { s.own.Format(f, verb) }

func (s *unsampledSpan) Context() opentracing.SpanContext { return s.current() }

func (s *unsampledSpan) BaggageItem(key string) string {
	return s.current().BaggageItem(key)
}

func (s *unsampledSpan) Tracer() opentracing.Tracer                    { return s.tracer }
func (s *unsampledSpan) SetOperationName(string) opentracing.Span      { return s }
func (s *unsampledSpan) SetTag(string, any) opentracing.Span           { return s }
func (s *unsampledSpan) Finish()                                       {}
func (s *unsampledSpan) FinishWithOptions(_ opentracing.FinishOptions) {}
func (s *unsampledSpan) LogFields(...log.Field)                        {}
func (s *unsampledSpan) LogKV(...any)                                  {}
func (s *unsampledSpan) LogEvent(string)                               {}
func (s *unsampledSpan) LogEventWithPayload(string, any)               {}
func (s *unsampledSpan) Log(opentracing.LogData)                       {}

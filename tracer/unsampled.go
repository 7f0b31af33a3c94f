package tracer

import (
	"sync/atomic"

	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/log"
)

// An unsampledSpan carries its trace on to the next process and records nothing. It is small on purpose: most spans of
// a busy service are of this kind.
type unsampledSpan struct {
	tracer *recorder
	own    SpanContext
	later  atomic.Pointer[SpanContext] // once baggage has been set
}

func (s *unsampledSpan) current() *SpanContext {
	if c := s.later.Load(); c != nil {
		return c
	}
	return &s.own
}

func (s *unsampledSpan) SetBaggageItem(key, value string) opentracing.Span {
	for {
		old := s.later.Load()
		from := old
		if from == nil {
			from = &s.own
		}
		if s.later.CompareAndSwap(old, s.tracer.propagation.withBaggage(from, key, value)) {
			return s
		}
	}
}

func (s *unsampledSpan) Context() opentracing.SpanContext                 { return s.current() }
func (s *unsampledSpan) BaggageItem(key string) string                    { return s.current().baggageItem(key) }
func (s *unsampledSpan) Tracer() opentracing.Tracer                       { return s.tracer }
func (s *unsampledSpan) SetOperationName(string) opentracing.Span         { return s }
func (s *unsampledSpan) SetTag(string, any) opentracing.Span              { return s }
func (s *unsampledSpan) Finish()                                          {}
func (s *unsampledSpan) FinishWithOptions(opts opentracing.FinishOptions) {}
func (s *unsampledSpan) LogFields(...log.Field)                           {}
func (s *unsampledSpan) LogKV(...any)                                     {}
func (s *unsampledSpan) LogEvent(string)                                  {}
func (s *unsampledSpan) LogEventWithPayload(string, any)                  {}
func (s *unsampledSpan) Log(opentracing.LogData)                          {}

package tracer_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/log"
	"github.com/openzipkin/zipkin-go/model"
)

// texts returns the values of the annotations.
func texts(s model.SpanModel) (all []string) {
	for _, a := range s.Annotations {
		all = append(all, a.Value)
	}
	return all
}

// TestLogRecordIsOneAnnotation logs fields of every type of OpenTracing, directly and from a lazy
// logger, which uses the span.
func TestLogRecordIsOneAnnotation(t *testing.T) {
	tr, spans := memory(t, nil)
	s := tr.StartSpan("call")
	s.LogFields(log.String("s", "x"), log.Bool("b", true), log.Int("i", -1), log.Int32("i32", -2),
		log.Int64("i64", math.MinInt64), log.Uint32("u32", 3), log.Uint64("u64", math.MaxUint64),
		log.Float32("f32", 1.5), log.Float64("f64", 2.5), log.Error(errors.New("no paper")),
		log.Object("o", []int{1}), log.Object("nil", nil), log.Noop(), log.Message("m"))
	s.LogFields(log.Lazy(func(to log.Encoder) {
		s.SetTag("from", "lazy logger")
		to.EmitString("s", "x")
		to.EmitBool("b", true)
		to.EmitInt("i", -1)
		to.EmitInt32("i32", -2)
		to.EmitInt64("i64", -3)
		to.EmitUint32("u32", 3)
		to.EmitUint64("u64", 4)
		to.EmitFloat32("f32", 1.5)
		to.EmitFloat64("f64", 2.5)
		to.EmitObject("o", map[string]int{"k": 1})
		to.EmitLazyLogger(func(to log.Encoder) { to.EmitString("deeper", "y") })
	}), log.String("after", "z"))
	s.LogFields(log.Noop())
	last := log.Lazy(func(to log.Encoder) {
		s.SetTag("and", "in Finish")
		to.EmitString("event", "last")
	})
	s.FinishWithOptions(opentracing.FinishOptions{
		LogRecords: []opentracing.LogRecord{{Fields: []log.Field{last}}},
	})
	have := spans.Spans()[0]
	want := []string{
		"s=x b=true i=-1 i32=-2 i64=-9223372036854775808 u32=3 u64=18446744073709551615 " +
			"f32=1.5 f64=2.5 error.object=no paper o=[1] nil= message=m",
		"s=x b=true i=-1 i32=-2 i64=-3 u32=3 u64=4 f32=1.5 f64=2.5 o=map[k:1] deeper=y after=z",
		"last",
	}
	if diff := cmp.Diff(want, texts(have)); diff != "" {
		t.Errorf("-want +have\n%s", diff)
	}
	wantTags := map[string]string{"from": "lazy logger", "and": "in Finish"}
	if diff := cmp.Diff(wantTags, have.Tags); diff != "" {
		t.Errorf("tags: -want +have\n%s", diff)
	}
}

// A deprecatedLogger has the log methods of a span that OpenTracing has deprecated.
type deprecatedLogger interface {
	LogEvent(event string)
	LogEventWithPayload(event string, payload any)
	Log(data opentracing.LogData)
}

// TestDeprecatedLogMethods logs with deprecated methods and in FinishOptions.BulkLogData.
func TestDeprecatedLogMethods(t *testing.T) {
	tr, spans := memory(t, nil)
	s := tr.StartSpan("call")
	var l deprecatedLogger = s
	l.LogEvent("a")
	l.LogEventWithPayload("b", 1)
	at := time.Unix(1700000000, 0)
	l.Log(opentracing.LogData{Event: "c", Timestamp: at})
	s.FinishWithOptions(opentracing.FinishOptions{
		BulkLogData: []opentracing.LogData{{Event: "d"}, {Event: "e"}},
	})
	have := spans.Spans()[0]
	want := []string{"a", "event=b payload=1", "c", "d", "e"}
	if diff := cmp.Diff(want, texts(have)); diff != "" {
		t.Errorf("-want +have\n%s", diff)
	}
	if c := have.Annotations[2].Timestamp; !c.Equal(at) {
		t.Errorf("have c at %v, want %v", c, at)
	}
}

// TestLazyFieldsAreEvaluatedWhenLogged logs a variable that changes before Finish.
func TestLazyFieldsAreEvaluatedWhenLogged(t *testing.T) {
	tr, spans := memory(t, nil)
	value := "early"
	s := tr.StartSpan("call")
	s.LogFields(log.Lazy(func(to log.Encoder) { to.EmitString("k", value) }))
	value = "late"
	s.Finish()
	if have := strings.Join(texts(spans.Spans()[0]), "; "); have != "k=early" {
		t.Errorf("have %q, want k=early", have)
	}
}

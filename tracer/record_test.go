package tracer_test

import (
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/log"
)

// Fields of each kind that OpenTracing has are one annotation; what a lazy logger emits is there as if it were logged, and it
// may use the span.
func TestFieldsOfEveryKind(t *testing.T) {
	tr, spans := memory(t, nil)
	s := tr.StartSpan("call")
	s.LogFields(log.String("s", "x"), log.Bool("b", true), log.Int("i", -1), log.Int32("i32", -2), log.Int64("i64", math.MinInt64),
		log.Uint32("u32", 3), log.Uint64("u64", math.MaxUint64), log.Float32("f32", 1.5), log.Float64("f64", 2.5),
		log.Error(errors.New("out of paper")), log.Object("o", []int{1}), log.Object("nil", nil), log.Noop(), log.Message("m"))
	s.LogFields(log.Lazy(func(to log.Encoder) {
		s.SetTag("from", "the lazy logger")
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
	s.FinishWithOptions(opentracing.FinishOptions{LogRecords: []opentracing.LogRecord{{Fields: []log.Field{
		log.Lazy(func(to log.Encoder) { s.SetTag("and", "at the end"); to.EmitString("event", "last") })}}}})
	have := spans.Spans()[0]
	var texts []string
	for _, a := range have.Annotations {
		texts = append(texts, a.Value)
	}
	want := []string{
		"s=x b=true i=-1 i32=-2 i64=-9223372036854775808 u32=3 u64=18446744073709551615 f32=1.5 f64=2.5 error.object=out of paper o=[1] nil= message=m",
		"s=x b=true i=-1 i32=-2 i64=-3 u32=3 u64=4 f32=1.5 f64=2.5 o=map[k:1] deeper=y after=z",
		"last",
	}
	if diff := cmp.Diff(want, texts); diff != "" {
		t.Errorf("-want +have\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"from": "the lazy logger", "and": "at the end"}, have.Tags); diff != "" {
		t.Errorf("tags: -want +have\n%s", diff)
	}
}

package tracer_test

import (
	"testing"

	"github.com/opentracing/opentracing-go"

	"bookservice/tracer"
)

func TestSampleIsAShareOfTraces(t *testing.T) {
	tr, m := memory(t, func(c *tracer.Config) { c.Sample = 0.25 })
	for range 4000 {
		root := tr.StartSpan("root")
		tr.StartSpan("child", opentracing.ChildOf(root.Context())).Finish()
		root.Finish()
	}
	if n := len(m.Spans()); n%2 != 0 || n < 1600 || n > 2400 {
		t.Errorf("have %d of 8000 spans, want about 2000 and whole traces", n)
	}
}

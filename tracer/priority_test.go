package tracer_test

import (
	"fmt"
	"testing"

	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"

	"bookservice/tracer"
)

// sampling.priority is off at 0, and on and debug above, for the span itself, those below it and the next service: given at
// the start whatever the sampler says, and later on a span that is recorded.
func TestSamplingPriority(t *testing.T) {
	for name, test := range map[string]struct {
		share       float64
		start, late any
		decision    string // sent on
		recorded    string // span and debug, "inner" being below it
	}{
		"off at the start":       {1, uint16(0), nil, "0", "map[]"},
		"on at the start":        {0, uint16(1), nil, "d", "map[inner:true outer:true]"},
		"any number is on":       {0, "7", nil, "d", "map[inner:true outer:true]"},
		"off later":              {1, nil, 0, "0", "map[]"},
		"on later":               {1, nil, 1, "d", "map[inner:true outer:true]"},
		"on, then off":           {0, 1, uint16(0), "0", "map[]"},
		"negative is no answer":  {1, -1, nil, "1", "map[inner:false outer:false]"},
		"text is no answer":      {1, nil, "much", "1", "map[inner:false outer:false]"},
		"too late to be revived": {0, nil, 1, "0", "map[]"},
	} {
		t.Run(name, func(t *testing.T) {
			tr, spans := memory(t, func(c *tracer.Config) { c.Sample, c.Propagation.Inject = test.share, everyFormat })
			var opts []opentracing.StartSpanOption
			if test.start != nil {
				opts = append(opts, opentracing.Tag{Key: string(ext.SamplingPriority), Value: test.start})
			}
			outer := tr.StartSpan("outer", opts...)
			if test.late != nil {
				outer.SetTag(string(ext.SamplingPriority), test.late)
			}
			tr.StartSpan("inner", opentracing.ChildOf(outer.Context())).Finish()
			sent, err := tr.Extract(opentracing.TextMap, inject(t, tr, outer.Context()))
			if err != nil {
				t.Fatal(err)
			}
			outer.Finish()
			if have := decisionOf(t, sent); have != test.decision {
				t.Errorf("have decision %q sent on, want %q", have, test.decision)
			}
			recorded := map[string]bool{}
			for _, s := range spans.Spans() {
				recorded[s.Name] = s.Debug
			}
			if have := fmt.Sprint(recorded); have != test.recorded {
				t.Errorf("have recorded, and debug: %s, want %s", have, test.recorded)
			}
		})
	}
}

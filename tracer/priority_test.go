package tracer_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"

	"bookservice/tracer"
)

// priorityOptions set a tag with each kind of option.
var priorityOptions = map[string]func(key string, value any) opentracing.StartSpanOption{
	"Tag": func(key string, value any) opentracing.StartSpanOption {
		return opentracing.Tag{Key: key, Value: value}
	},
	"Tags": func(key string, value any) opentracing.StartSpanOption {
		return opentracing.Tags{key: value}
	},
	"option of an unknown type": func(key string, value any) opentracing.StartSpanOption {
		return startOption(func(o *opentracing.StartSpanOptions) { o.Tags[key] = value })
	},
}

// TestSamplingPriority sets the tag sampling.priority at the start or later. 0 disables the span,
// its children and the next service's spans; a positive number enables them and sets debug, unless
// the span started unsampled.
func TestSamplingPriority(t *testing.T) {
	const largest = uint64(math.MaxUint64)
	for name, test := range map[string]struct {
		share       float64
		start, late any
		decision    string // injected
		recorded    string // debug by name; inner is the child of outer
	}{
		"0 at the start":        {1, uint16(0), nil, "0", "map[]"},
		"1 at the start":        {0, uint16(1), nil, "d", "map[inner:true outer:true]"},
		"7 as text":             {0, "7", nil, "d", "map[inner:true outer:true]"},
		"largest uint64":        {0, largest, nil, "d", "map[inner:true outer:true]"},
		"0 later":               {1, nil, 0, "0", "map[]"},
		"1 later":               {1, nil, 1, "d", "map[inner:true outer:true]"},
		"1, then 0":             {0, 1, uint16(0), "0", "map[]"},
		"1, then 1":             {0, 1, 1, "d", "map[inner:true outer:true]"},
		"negative is ignored":   {1, -1, nil, "1", "map[inner:false outer:false]"},
		"text is ignored":       {1, nil, "much", "1", "map[inner:false outer:false]"},
		"1 on an unsampled one": {0, nil, 1, "0", "map[]"},
	} {
		for kind, option := range priorityOptions {
			t.Run(name+" "+kind, func(t *testing.T) {
				tr, spans := memory(t, func(c *tracer.Config) {
					c.Sample, c.Propagation.Inject = test.share, everyFormat
				})
				key := string(ext.SamplingPriority)
				var opts []opentracing.StartSpanOption
				if test.start != nil {
					opts = append(opts, option(key, test.start))
				}
				outer := tr.StartSpan("outer", opts...)
				if test.late != nil {
					outer.SetTag(key, test.late)
				}
				tr.StartSpan("inner", opentracing.ChildOf(outer.Context())).Finish()
				sent := extract(t, tr, inject(t, tr, outer.Context()))
				outer.Finish()
				if have := decisionOf(t, sent); have != test.decision {
					t.Errorf("have decision %q injected, want %q", have, test.decision)
				}
				recorded := map[string]bool{}
				for _, s := range spans.Spans() {
					recorded[s.Name] = s.Debug
				}
				if have := fmt.Sprint(recorded); have != test.recorded {
					t.Errorf("have recorded (debug): %s, want %s", have, test.recorded)
				}
			})
		}
	}
}

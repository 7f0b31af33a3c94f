package tracer_test

import (
	"testing"

	"github.com/opentracing/opentracing-go"
)

// TestJaeger has the forms of uber-trace-id that Jaeger's documentation allows.
func TestJaeger(t *testing.T) {
	const padded = "00000000deadbeef"
	bad, none := opentracing.ErrSpanContextCorrupted, opentracing.ErrSpanContextNotFound
	for name, test := range map[string]struct {
		value, trace, span string
		want               string // the extracted context, injected as uber-trace-id
		err                error
	}{
		"sampled":             {trace128 + ":" + span1 + ":" + parent1 + ":1", trace128, span1, trace128 + ":" + span1 + ":" + parent1 + ":1", nil},
		"not sampled":         {trace128 + ":" + span1 + ":0:0", trace128, span1, trace128 + ":" + span1 + ":0:0", nil},
		"debug":               {trace128 + ":" + span1 + ":0:3", trace128, span1, trace128 + ":" + span1 + ":0:3", nil},
		"debug alone":         {trace128 + ":" + span1 + ":0:2", trace128, span1, trace128 + ":" + span1 + ":0:3", nil},
		"two digits of flags": {trace128 + ":" + span1 + ":0:01", trace128, span1, trace128 + ":" + span1 + ":0:1", nil},
		"other flags":         {trace128 + ":" + span1 + ":0:9", trace128, span1, trace128 + ":" + span1 + ":0:1", nil},
		"short ids":           {"deadbeef:5:0:1", padded, "0000000000000005", padded + ":0000000000000005:0:1", nil},
		"padded ids":          {"0000000000000000" + padded + ":5:0:1", padded, "0000000000000005", padded + ":0000000000000005:0:1", nil},
		"more than 64 bits":   {"1" + padded + ":5:0:1", "0000000000000001" + padded, "0000000000000005", "0000000000000001" + padded + ":0000000000000005:0:1", nil},
		"encoded":             {trace128 + "%3A" + span1 + "%3a0%3A1", trace128, span1, trace128 + ":" + span1 + ":0:1", nil},
		"empty":               {err: none},
		"zero trace id":       {value: "0:" + span1 + ":0:1", err: bad},
		"zero span id":        {value: trace128 + ":0:0:1", err: bad},
		"long trace id":       {value: "0" + trace128 + ":1:0:1", err: bad},
		"long span id":        {value: trace128 + ":0" + span1 + ":0:1", err: bad},
		"not hexadecimal":     {value: "xyz:1:0:1", err: bad},
		"no flags":            {value: trace128 + ":" + span1 + ":0", err: bad},
		"empty flags":         {value: trace128 + ":" + span1 + ":0:", err: bad},
		"long flags":          {value: trace128 + ":" + span1 + ":0:001", err: bad},
		"bad flags":           {value: trace128 + ":" + span1 + ":0:g", err: bad},
		"bad parent":          {value: trace128 + ":" + span1 + ":x:1", err: bad},
		"a fifth field":       {value: trace128 + ":" + span1 + ":0:1:1", err: bad},
	} {
		t.Run(name, func(t *testing.T) {
			tr, _ := memory(t, sending("jaeger"))
			in := lines{{"Uber-Trace-Id", test.value}}
			checkExtracted(t, tr, in, test.trace, test.span, test.err)
			if sc, err := tr.Extract(opentracing.HTTPHeaders, in); err == nil {
				if have := inject(t, tr, sc)["uber-trace-id"]; have != test.want {
					t.Errorf("have %q, want %q", have, test.want)
				}
			}
		})
	}
}

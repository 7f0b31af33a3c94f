package tracer_test

import (
	"strings"
	"testing"

	"github.com/opentracing/opentracing-go"
)

// TestJaeger extracts the forms of uber-trace-id that Jaeger's documentation allows. want is the
// extracted context, injected as uber-trace-id.
func TestJaeger(t *testing.T) {
	const (
		padded = "00000000deadbeef"
		five   = ":0000000000000005:0:1"
		ids    = trace128 + ":" + span1
	)
	for value, want := range map[string]string{
		ids + ":" + parent1 + ":1":             ids + ":" + parent1 + ":1",
		ids + ":0:0":                           ids + ":0:0",
		ids + ":0:1":                           ids + ":0:1",
		ids + ":0:3":                           ids + ":0:3",
		ids + ":0:2":                           ids + ":0:3", // debug implies sampled
		ids + ":0:01":                          ids + ":0:1",
		ids + ":0:9":                           ids + ":0:1", // other flags are ignored
		ids + ":0:4":                           ids + ":0:0",
		"deadbeef:5:0:1":                       padded + five,
		"0000000000000000" + padded + ":5:0:1": padded + five,
		"1" + padded + ":5:0:1":                "0000000000000001" + padded + five,
		trace128 + "%3A" + span1 + "%3a0%3A1":  ids + ":0:1",
		ids + ":" + strings.TrimLeft(parent1, "0") + ":1": ids + ":" + parent1 + ":1",
	} {
		t.Run(value, func(t *testing.T) {
			b3 := b3Of(want)
			checkExtracted(t, lines{{"Uber-Trace-Id", value}}, b3, nil)
			tr, _ := memory(t, injecting("jaeger"))
			sc := extract(t, tr, lines{{"Uber-Trace-Id", value}})
			if have := inject(t, tr, sc)["uber-trace-id"]; have != want {
				t.Errorf("have %q, want %q", have, want)
			}
		})
	}
	t.Run("empty", func(t *testing.T) {
		checkExtracted(t, lines{{"Uber-Trace-Id", ""}}, "", opentracing.ErrSpanContextNotFound)
	})
}

// b3Of converts a value of uber-trace-id to one of b3.
func b3Of(jaeger string) string {
	f := strings.Split(jaeger, ":")
	b3 := f[0] + "-" + f[1] + "-" + map[string]string{"0": "0", "1": "1", "3": "d"}[f[3]]
	if f[2] != "0" {
		b3 += "-" + f[2]
	}
	return b3
}

// TestMalformedJaeger extracts malformed values of uber-trace-id.
func TestMalformedJaeger(t *testing.T) {
	const ids = trace128 + ":" + span1
	for name, value := range map[string]string{
		"trace id of zeros": "0:" + span1 + ":0:1",
		"long trace id":     "0" + trace128 + ":1:0:1",
		"not hexadecimal":   "xyz:1:0:1",
		"no flags":          ids + ":0",
		"empty flags":       ids + ":0:",
		"long flags":        ids + ":0:001",
		"malformed flags":   ids + ":0:g",
		"no span id":        trace128 + "::0:1",
		"fifth field":       ids + ":0:1:1",
		"one field":         trace128,
	} {
		t.Run(name, func(t *testing.T) {
			checkExtracted(t, lines{{"Uber-Trace-Id", value}}, "",
				opentracing.ErrSpanContextCorrupted)
		})
	}
	t.Run("two values", func(t *testing.T) {
		in := lines{{"uber-trace-id", ids + ":0:1"}, {"uber-trace-id", ids + ":0:0"}}
		checkExtracted(t, in, "", opentracing.ErrSpanContextCorrupted)
	})
}

package tracer_test

import (
	"testing"

	"github.com/opentracing/opentracing-go"

	"bookservice/tracer"
)

// A mistake in the settings is seen while tracing is still off.
func TestValidateLooksAtSettingsUnderNoopToo(t *testing.T) {
	for want, change := range map[string]func(*tracer.Config){
		`tracer: sample 2: must be 0 to 1`:                                                    func(c *tracer.Config) { c.Sample = 2 },
		`tracer: propagation "b4": unknown format "b4" (have b3, b3multi, jaeger, none, w3c)`: func(c *tracer.Config) { c.Propagation.Inject = "b4" },
		`tracer: zipkin-url "::": must be like http://127.0.0.1:9411/api/v2/spans`:            func(c *tracer.Config) { c.Zipkin.URL = "::" },
	} {
		c := tracer.DefaultConfig()
		change(&c)
		if err := c.Validate(); err == nil || err.Error() != want {
			t.Errorf("have %v, want %s", err, want)
		}
	}
	c := tracer.DefaultConfig()
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
}

// Who opens noop needs no other setting.
func TestNoopNeedsNoOtherSetting(t *testing.T) {
	tr, closer, err := tracer.Open(t.Context(), tracer.Config{Backend: "noop"})
	if err != nil || tr != (opentracing.NoopTracer{}) || closer.Close() != nil {
		t.Errorf("have %T, %v", tr, err)
	}
}

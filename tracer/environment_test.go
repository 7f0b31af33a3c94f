package tracer_test

import (
	"testing"
)

func TestReadEnvironment(t *testing.T) {
	for name, test := range map[string]struct {
		env    map[string]string
		name   string
		kind   string
		share  float64
		ignore bool
		err    string
	}{
		"nothing":              {nil, "bookserver", "probability", 1, false, ""},
		"empty":                {map[string]string{"OTEL_SERVICE_NAME": "", "OTEL_TRACES_SAMPLER": ""}, "bookserver", "probability", 1, false, ""},
		"name":                 {map[string]string{"OTEL_SERVICE_NAME": "a", "JAEGER_SERVICE_NAME": "b"}, "a", "probability", 1, false, ""},
		"Jaeger's name":        {map[string]string{"JAEGER_SERVICE_NAME": "b"}, "b", "probability", 1, false, ""},
		"resource":             {map[string]string{"OTEL_RESOURCE_ATTRIBUTES": "x=y, service.name=my%20shop", "JAEGER_SERVICE_NAME": "b"}, "my shop", "probability", 1, false, ""},
		"always_on":            {map[string]string{"OTEL_TRACES_SAMPLER": "always_on"}, "bookserver", "always", 1, true, ""},
		"always_off":           {map[string]string{"OTEL_TRACES_SAMPLER": "always_off"}, "bookserver", "never", 1, true, ""},
		"traceidratio":         {map[string]string{"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.25"}, "bookserver", "probability", 0.25, true, ""},
		"parentbased always":   {map[string]string{"OTEL_TRACES_SAMPLER": "parentbased_always_on"}, "bookserver", "always", 1, false, ""},
		"parentbased never":    {map[string]string{"OTEL_TRACES_SAMPLER": "parentbased_always_off"}, "bookserver", "never", 1, false, ""},
		"parentbased ratio":    {map[string]string{"OTEL_TRACES_SAMPLER": "parentbased_traceidratio"}, "bookserver", "probability", 1, false, ""},
		"argument of no share": {env: map[string]string{"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "2"}, err: `OTEL_TRACES_SAMPLER_ARG "2": must be 0 to 1`},
		"propagators":          {map[string]string{"OTEL_PROPAGATORS": "tracecontext, baggage,b3"}, "bookserver", "probability", 1, false, ""},
		"unknown propagator": {env: map[string]string{"OTEL_PROPAGATORS": "xray"},
			err: `OTEL_PROPAGATORS "xray": must be a list of b3, b3multi, baggage, jaeger, none, tracecontext`},
		"unknown": {env: map[string]string{"OTEL_TRACES_SAMPLER": "jaeger_remote"},
			err: `OTEL_TRACES_SAMPLER "jaeger_remote": must be always_on, always_off or traceidratio, or one of them with the prefix parentbased_`},
	} {
		t.Run(name, func(t *testing.T) {
			c := config("zipkin")
			err := c.ReadEnvironment(func(name string) (string, bool) { v, ok := test.env[name]; return v, ok })
			if err != nil || test.err != "" {
				if err == nil || err.Error() != test.err {
					t.Errorf("have %v, want %s", err, test.err)
				}
				return
			}
			if c.ServiceName != test.name || c.Sampler.Kind != test.kind || c.Sample != test.share || c.Sampler.IgnoreParent != test.ignore {
				t.Errorf("have %q, %+v and share %v", c.ServiceName, c.Sampler, c.Sample)
			}
			want := "w3c,b3multi"
			if test.env["OTEL_PROPAGATORS"] != "" {
				want = "w3c,b3"
			}
			if c.Propagation.Inject != want {
				t.Errorf("have %q injected, want %q", c.Propagation.Inject, want)
			}
			if err := c.Validate(); err != nil {
				t.Error(err)
			}
		})
	}
}

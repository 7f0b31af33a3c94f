package tracer_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// lookupIn returns a look-up function for the variables.
func lookupIn(variables map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { v, ok := variables[name]; return v, ok }
}

// TestReadEnvironment reads OpenTelemetry's and Jaeger's variables.
func TestReadEnvironment(t *testing.T) {
	const sampler, arg = "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"
	const before = 0.5 // the share that is set already
	type result struct {
		name, kind string
		share      float64
		ignore     bool
	}
	for name, test := range map[string]struct {
		variables map[string]string
		want      result
	}{
		"nothing": {nil, result{"bookserver", "probability", before, false}},
		"empty": {map[string]string{"OTEL_SERVICE_NAME": "", sampler: ""},
			result{"bookserver", "probability", before, false}},
		"name": {map[string]string{"OTEL_SERVICE_NAME": "a", "JAEGER_SERVICE_NAME": "b"},
			result{"a", "probability", before, false}},
		"name with white space": {map[string]string{"OTEL_SERVICE_NAME": " a "},
			result{"a", "probability", before, false}},
		"Jaeger's name": {map[string]string{"JAEGER_SERVICE_NAME": "b"},
			result{"b", "probability", before, false}},
		"name in the resource": {map[string]string{
			"OTEL_RESOURCE_ATTRIBUTES": "x=y, service.name=my%20shop", "JAEGER_SERVICE_NAME": "b"},
			result{"my shop", "probability", before, false}},
		"name before the resource": {map[string]string{
			"OTEL_RESOURCE_ATTRIBUTES": "service.name=b", "OTEL_SERVICE_NAME": "a"},
			result{"a", "probability", before, false}},
		"always_on": {map[string]string{sampler: "always_on"},
			result{"bookserver", "always", before, true}},
		"always_off": {map[string]string{sampler: "always_off"},
			result{"bookserver", "never", before, true}},
		"traceidratio": {map[string]string{sampler: "traceidratio", arg: "0.25"},
			result{"bookserver", "probability", 0.25, true}},
		"traceidratio 0": {map[string]string{sampler: "traceidratio", arg: "0"},
			result{"bookserver", "probability", 0, true}},
		"parentbased always": {map[string]string{sampler: "parentbased_always_on"},
			result{"bookserver", "always", before, false}},
		"parentbased never": {map[string]string{sampler: "parentbased_always_off"},
			result{"bookserver", "never", before, false}},
		"parentbased ratio": {map[string]string{sampler: "parentbased_traceidratio"},
			result{"bookserver", "probability", 1, false}},
		"argument of another sampler": {map[string]string{sampler: "always_on", arg: "x"},
			result{"bookserver", "always", before, true}},
	} {
		t.Run(name, func(t *testing.T) {
			c := config("zipkin")
			c.Sample = before
			if err := c.ReadEnvironment(lookupIn(test.variables)); err != nil {
				t.Fatal(err)
			}
			have := result{c.ServiceName, c.Sampler.Kind, c.Sample, c.Sampler.IgnoreParent}
			if have != test.want {
				t.Errorf("have %+v, want %+v", have, test.want)
			}
			if have := c.Propagation.Inject; have != "w3c,b3multi" {
				t.Errorf("have formats %q, want the default", have)
			}
			if err := c.Validate(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestReadPropagators reads OTEL_PROPAGATORS. Baggage is always propagated and has no format.
func TestReadPropagators(t *testing.T) {
	for variable, want := range map[string]string{
		"":                             "w3c,b3multi",
		"tracecontext, baggage,b3":     "w3c,b3",
		"b3multi,jaeger":               "b3multi,jaeger",
		"none":                         "none",
		"baggage":                      "w3c,b3multi",
		"tracecontext,b3,tracecontext": "w3c,b3",
	} {
		c := config("zipkin")
		err := c.ReadEnvironment(lookupIn(map[string]string{"OTEL_PROPAGATORS": variable}))
		if err != nil || c.Propagation.Inject != want {
			t.Errorf("%q: have %v and %q, want %q", variable, err, c.Propagation.Inject, want)
		}
		if err := c.Validate(); err != nil {
			t.Errorf("%q: %v", variable, err)
		}
	}
}

// TestReadResourceAttributes decodes values. Malformed pairs are ignored.
func TestReadResourceAttributes(t *testing.T) {
	c := config("zipkin")
	err := c.ReadEnvironment(lookupIn(map[string]string{
		"OTEL_RESOURCE_ATTRIBUTES": "a=1, b = k%C3%B6ln,malformed,c=5%,d=x=y,e=,f=1+1",
	}))
	want := map[string]string{"a": "1", "b": "köln", "d": "x=y", "e": "", "f": "1+1"}
	if diff := cmp.Diff(want, c.Resource); err != nil || diff != "" {
		t.Errorf("have %v; -want +have\n%s", err, diff)
	}
}

// TestInvalidVariables checks the errors, which name the variable.
func TestInvalidVariables(t *testing.T) {
	const mustBeShare = "must be 0 to 1"
	for _, test := range []struct{ sampler, arg, propagators, want string }{
		{"traceidratio", "2", "", `OTEL_TRACES_SAMPLER_ARG "2": ` + mustBeShare},
		{"traceidratio", "-0.1", "", `OTEL_TRACES_SAMPLER_ARG "-0.1": ` + mustBeShare},
		{"traceidratio", "NaN", "", `OTEL_TRACES_SAMPLER_ARG "NaN": ` + mustBeShare},
		{"parentbased_traceidratio", "x", "", `OTEL_TRACES_SAMPLER_ARG "x": ` + mustBeShare},
		{"jaeger_remote", "", "", `OTEL_TRACES_SAMPLER "jaeger_remote": must be always_on, ` +
			`always_off or traceidratio, or one of them with the prefix parentbased_`},
		{"", "", "b3,xray", `OTEL_PROPAGATORS "b3,xray": must be a list of b3, b3multi, baggage, ` +
			`jaeger, none, tracecontext`},
	} {
		c := config("zipkin")
		err := c.ReadEnvironment(lookupIn(map[string]string{
			"OTEL_TRACES_SAMPLER": test.sampler, "OTEL_TRACES_SAMPLER_ARG": test.arg,
			"OTEL_PROPAGATORS": test.propagators,
		}))
		if err == nil || err.Error() != test.want {
			t.Errorf("have %v, want %s", err, test.want)
		}
	}
}

// TestNoVariableIsReadWithoutReadEnvironment sets variables of the process.
func TestNoVariableIsReadWithoutReadEnvironment(t *testing.T) {
	t.Setenv("OTEL_SERVICE_NAME", "other")
	t.Setenv("OTEL_TRACES_SAMPLER", "always_off")
	t.Setenv("OTEL_PROPAGATORS", "b3")
	tr, spans := memory(t, nil)
	s := tr.StartSpan("call")
	s.Finish()
	if have := spans.Spans(); len(have) != 1 || have[0].LocalEndpoint.ServiceName != "bookserver" {
		t.Errorf("have %v, want one span of bookserver", have)
	}
	if out := inject(t, tr, s.Context()); out["traceparent"] == "" || out["b3"] != "" {
		t.Errorf("have %v injected, want the default formats", out)
	}
}

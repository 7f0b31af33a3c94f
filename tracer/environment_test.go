package tracer_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bookservice/tracer"
	"bookservice/tracer/tracertest/testkit"
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
		"None,":                        "none",
		"baggage":                      "w3c,b3multi",
		"tracecontext,b3,tracecontext": "w3c,b3",
		"tracecontext,baggage,":        "w3c",
		" ,, B3 ,TraceContext ,":       "b3,w3c",
		",":                            "w3c,b3multi",
	} {
		c := config("zipkin")
		have := warnings(t, &c, map[string]string{"OTEL_PROPAGATORS": variable})
		if len(have) > 0 || c.Propagation.Inject != want {
			t.Errorf("%q: have %v and %q, want %q", variable, have, c.Propagation.Inject, want)
		}
		if err := c.Validate(); err != nil {
			t.Errorf("%q: %v", variable, err)
		}
	}
}

// warnings reads the variables and returns the log lines.
func warnings(t *testing.T, c *tracer.Config, variables map[string]string) (lines []string) {
	t.Helper()
	var log testkit.Buffer
	err := c.ReadEnvironment(lookupIn(variables), tracer.WithLogger(slog.New(
		slog.NewTextHandler(&log, &slog.HandlerOptions{ReplaceAttr: withoutTime}))))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(log.String()) {
		lines = append(lines, strings.TrimSuffix(line, "\n"))
	}
	return lines
}

func withoutTime(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}

// TestReadResourceAttributes decodes values. A malformed pair is ignored with a warning.
func TestReadResourceAttributes(t *testing.T) {
	c := config("zipkin")
	have := warnings(t, &c, map[string]string{
		"OTEL_RESOURCE_ATTRIBUTES": "a=1, b = k%C3%B6ln,malformed,c=5%,d=x=y,e=,,=f,g=1+1",
	})
	want := map[string]string{"a": "1", "b": "köln", "d": "x=y", "e": "", "g": "1+1"}
	if diff := cmp.Diff(want, c.Resource); diff != "" {
		t.Errorf("-want +have\n%s", diff)
	}
	if len(have) != 3 || !strings.Contains(have[0], "value=malformed") ||
		!strings.Contains(have[1], `value="c=5%"`) || !strings.Contains(have[2], `value="=f"`) {
		t.Errorf("have %q, want a warning for each of three pairs", have)
	}
}

// TestUnsupportedVariablesAreIgnoredWithAWarning reads values of OpenTelemetry's specification that
// this package does not support, and others that are unknown. Each is one warning; what else the
// variables state applies.
func TestUnsupportedVariablesAreIgnoredWithAWarning(t *testing.T) {
	const sampler, arg, propagators = "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG",
		"OTEL_PROPAGATORS"
	type result struct {
		formats, kind string
		share         float64
		ignoreParent  bool
	}
	unset := result{"w3c,b3multi", "probability", 0.5, false}
	for name, test := range map[string]struct {
		variables map[string]string
		want      result
		warnings  []string // variable and value
	}{
		"propagator": {map[string]string{propagators: "tracecontext,baggage,xray"},
			result{"w3c", "probability", 0.5, false}, []string{propagators + " value=xray"}},
		"propagators": {map[string]string{propagators: "ottrace,b3, xray ,B4"},
			result{"b3", "probability", 0.5, false}, []string{propagators + " value=ottrace",
				propagators + " value=xray", propagators + " value=B4"}},
		"no propagator": {map[string]string{propagators: "xray"}, unset,
			[]string{propagators + " value=xray"}},
		"none among others": {map[string]string{propagators: "none,b3"},
			result{"b3", "probability", 0.5, false}, []string{propagators + " value=none"}},
		"a sentence": {map[string]string{propagators: "b3 jaeger"}, unset,
			[]string{propagators + ` value="b3 jaeger"`}},
		"sampler": {map[string]string{sampler: "jaeger_remote", arg: "x"}, unset,
			[]string{sampler + " value=jaeger_remote"}},
		"sampler with a parent": {map[string]string{sampler: "parentbased_xray"}, unset,
			[]string{sampler + " value=parentbased_xray"}},
		"parent alone": {map[string]string{sampler: "parentbased_"}, unset,
			[]string{sampler + " value=parentbased_"}},
		"sampler in upper case": {map[string]string{sampler: "ParentBased_Always_Off"},
			result{"w3c,b3multi", "never", 0.5, false}, nil},
		"share above 1": {map[string]string{sampler: "traceidratio", arg: "2"},
			result{"w3c,b3multi", "probability", 1, true}, []string{arg + " value=2"}},
		"share below 0": {map[string]string{sampler: "traceidratio", arg: "-0.1"},
			result{"w3c,b3multi", "probability", 1, true}, []string{arg + " value=-0.1"}},
		"share NaN": {map[string]string{sampler: "traceidratio", arg: "NaN"},
			result{"w3c,b3multi", "probability", 1, true}, []string{arg + " value=NaN"}},
		"share of words": {map[string]string{sampler: "parentbased_traceidratio", arg: "10%"},
			result{"w3c,b3multi", "probability", 1, false}, []string{arg + " value=10%"}},
		"share, blank": {map[string]string{sampler: "traceidratio", arg: " "},
			result{"w3c,b3multi", "probability", 1, true}, nil},
		"argument without a sampler": {map[string]string{arg: "x"}, unset, nil},
		"variables that are not read": {map[string]string{"OTEL_TRACES_EXPORTER": "x",
			"OTEL_SDK_DISABLED": "x", "JAEGER_SAMPLER_TYPE": "x", "JAEGER_AGENT_PORT": "x"},
			unset, nil},
		"all at once": {map[string]string{sampler: "x", propagators: "y,jaeger",
			"OTEL_RESOURCE_ATTRIBUTES": "z"}, result{"jaeger", "probability", 0.5, false},
			[]string{"OTEL_RESOURCE_ATTRIBUTES value=z", sampler + " value=x",
				propagators + " value=y"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := config("zipkin")
			c.Sample = 0.5
			lines := warnings(t, &c, test.variables)
			have := result{c.Propagation.Inject, c.Sampler.Kind, c.Sample, c.Sampler.IgnoreParent}
			if have != test.want {
				t.Errorf("have %+v, want %+v", have, test.want)
			}
			if len(lines) != len(test.warnings) {
				t.Fatalf("have %q, want %d warnings", lines, len(test.warnings))
			}
			for i, line := range lines {
				const head = `level=WARN msg="unsupported value of an environment variable ` +
					`ignored" variable=`
				if !strings.HasPrefix(line, head+test.warnings[i]+" supported=") {
					t.Errorf("have %q, want a warning about %s", line, test.warnings[i])
				}
			}
			if err := c.Validate(); err != nil {
				t.Error(err)
			}
			c.Propagation.Inject = "b3"
			err := c.ReadEnvironment(lookupIn(test.variables), tracer.WithLogger(nil))
			if err != nil {
				t.Errorf("without a logger: %v", err)
			}
		})
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

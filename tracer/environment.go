package tracer

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// ReadEnvironment takes over what the variables of the field say: OpenTelemetry's OTEL_SERVICE_NAME,
// OTEL_RESOURCE_ATTRIBUTES (service.name), OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG and OTEL_PROPAGATORS, and Jaeger's
// JAEGER_SERVICE_NAME, which comes last. Called before RegisterFlags, it makes them the defaults of the flags. lookup is
// os.LookupEnv, or a test's; an empty value is as none (OpenTelemetry's specification of SDK environment variables).
//
// The error is one line that names variable, value and what is allowed.
func (c *Config) ReadEnvironment(lookup func(string) (string, bool)) error {
	get := func(name string) string {
		value, _ := lookup(name)
		return strings.TrimSpace(value)
	}
	for _, name := range []string{get("OTEL_SERVICE_NAME"), attribute(get("OTEL_RESOURCE_ATTRIBUTES"), "service.name"), get("JAEGER_SERVICE_NAME")} {
		if name != "" {
			c.ServiceName = name
			break
		}
	}
	if err := c.readSampler(get("OTEL_TRACES_SAMPLER"), get("OTEL_TRACES_SAMPLER_ARG")); err != nil {
		return err
	}
	return c.readPropagators(get("OTEL_PROPAGATORS"))
}

// propagators are OpenTelemetry's names for what we inject; baggage needs no name with us.
var propagators = map[string]string{"tracecontext": "w3c", "b3": "b3", "b3multi": "b3multi", "jaeger": "jaeger", "none": noFormat, "baggage": ""}

func (c *Config) readPropagators(list string) error {
	var inject []string
	for _, name := range splitList(list) {
		ours, known := propagators[name]
		switch {
		case !known:
			return fmt.Errorf("tracer: OTEL_PROPAGATORS %q: unknown propagator %q (have b3, b3multi, baggage, jaeger, none, tracecontext)", list, name)
		case ours != "" && !slices.Contains(inject, ours):
			inject = append(inject, ours)
		}
	}
	if len(inject) > 0 {
		c.Propagation.Inject = strings.Join(inject, ",")
	}
	return nil
}

// readSampler takes OpenTelemetry's names. Those without parentbased_ do not mind what the caller has decided.
func (c *Config) readSampler(name, arg string) error {
	kind, parentBased := strings.CutPrefix(name, "parentbased_")
	switch kind {
	case "":
		return nil
	case "always_on":
		c.Sampler.Kind = SamplerAlways
	case "always_off":
		c.Sampler.Kind = SamplerNever
	case "traceidratio":
		c.Sampler.Kind, c.Sample = SamplerProbability, 1
		if arg != "" {
			share, err := strconv.ParseFloat(arg, 64)
			if err != nil || !(share >= 0 && share <= 1) {
				return fmt.Errorf("tracer: OTEL_TRACES_SAMPLER_ARG %q: must be a share, 0 to 1", arg)
			}
			c.Sample = share
		}
	default:
		return fmt.Errorf("tracer: OTEL_TRACES_SAMPLER %q: must be always_on, always_off or traceidratio, or one of them after parentbased_", name)
	}
	c.Sampler.IgnoreParent = !parentBased
	return nil
}

// attribute returns one of the comma separated key=value pairs, whose values are percent-encoded.
func attribute(list, key string) string {
	for pair := range strings.SplitSeq(list, ",") {
		k, v, _ := strings.Cut(pair, "=")
		if strings.TrimSpace(k) == key {
			if decoded, err := url.PathUnescape(strings.TrimSpace(v)); err == nil {
				return decoded
			}
		}
	}
	return ""
}

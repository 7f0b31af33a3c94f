package tracer

import (
	"cmp"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"bookservice/tracer/internal/propagation"
	"bookservice/tracer/internal/settings"
)

// ReadEnvironment sets c from the environment variables of OpenTelemetry and Jaeger, and lets the
// backends among the options read theirs. Call it before [Config.RegisterFlags], so that a flag
// overrides a variable. lookup is [os.LookupEnv]; no variable is read in any other way. An empty
// value counts as unset (OpenTelemetry: SDK environment variables). If lookup is nil, no variable
// is set.
//
// The variables are OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER,
// OTEL_TRACES_SAMPLER_ARG, OTEL_PROPAGATORS and JAEGER_SERVICE_NAME, which has the lowest
// precedence. The error names the variable, its value and what it must be.
func (c *Config) ReadEnvironment(
	lookup func(name string) (value string, set bool), opts ...Option,
) error {
	if lookup == nil {
		return nil
	}
	get := func(name string) string {
		value, _ := lookup(name)
		return strings.TrimSpace(value)
	}
	c.readResource(get("OTEL_RESOURCE_ATTRIBUTES"))
	c.ServiceName = cmp.Or(get("OTEL_SERVICE_NAME"), c.Resource["service.name"],
		get("JAEGER_SERVICE_NAME"), c.ServiceName)
	err := c.readSampler(get("OTEL_TRACES_SAMPLER"), get("OTEL_TRACES_SAMPLER_ARG"))
	if err != nil {
		return err
	}
	if err := c.readPropagators(get("OTEL_PROPAGATORS")); err != nil {
		return err
	}
	for _, b := range newOptions(opts).backends {
		if b.ReadEnvironment == nil {
			continue
		}
		if err := b.ReadEnvironment(lookup); err != nil {
			return err
		}
	}
	return nil
}

func invalidVariable(name, value, must string) error {
	return settings.Name{Variable: name}.Invalid(value, must)
}

// readResource reads comma-separated key=value pairs with percent-encoded values. Malformed pairs
// are ignored.
func (c *Config) readResource(list string) {
	for pair := range strings.SplitSeq(list, ",") {
		key, value, found := strings.Cut(pair, "=")
		decoded, err := url.PathUnescape(strings.TrimSpace(value))
		if !found || err != nil {
			continue
		}
		if c.Resource == nil {
			c.Resource = map[string]string{}
		}
		c.Resource[strings.TrimSpace(key)] = decoded
	}
}

// propagators maps OpenTelemetry's names to header formats. Baggage is always sent and has no
// format.
var propagators = map[string]string{
	"tracecontext": "w3c", "b3": "b3", "b3multi": "b3multi", "jaeger": "jaeger",
	"none": propagation.None, "baggage": "",
}

func (c *Config) readPropagators(list string) error {
	var inject []string
	for _, name := range settings.SplitList(list) {
		format, known := propagators[name]
		switch {
		case !known:
			return invalidVariable("OTEL_PROPAGATORS", list,
				"must be a list of "+strings.Join(slices.Sorted(maps.Keys(propagators)), ", "))
		case format != "" && !slices.Contains(inject, format):
			inject = append(inject, format)
		}
	}
	if len(inject) > 0 {
		c.Propagation.Inject = strings.Join(inject, ",")
	}
	return nil
}

// readSampler reads OpenTelemetry's samplers. Those without parentbased_ disregard the caller's
// decision.
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
				return invalidVariable("OTEL_TRACES_SAMPLER_ARG", arg, "must be 0 to 1")
			}
			c.Sample = share
		}
	default:
		return invalidVariable("OTEL_TRACES_SAMPLER", name, "must be always_on, always_off or "+
			"traceidratio, or one of them with the prefix parentbased_")
	}
	c.Sampler.IgnoreParent = !parentBased
	return nil
}

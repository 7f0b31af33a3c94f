package tracer

import (
	"cmp"
	"log/slog"
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
// value counts as unset, and so does an empty entry of a list. If lookup is nil, no variable is
// set.
//
// The variables are OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER,
// OTEL_TRACES_SAMPLER_ARG, OTEL_PROPAGATORS and JAEGER_SERVICE_NAME, which has the lowest
// precedence. No other variable of the two projects is read, except those of the backends: the
// flag -tracer selects the backend, not OTEL_TRACES_EXPORTER or OTEL_SDK_DISABLED.
//
// Other programs read the same variables, so a value that this package does not support is no
// error. As OpenTelemetry's specification of SDK environment variables demands, it is logged as one
// warning ([WithLogger]) and ignored, and what else the variable lists applies. Names of samplers
// and propagators are case-insensitive. The error is that of a backend.
func (c *Config) ReadEnvironment(
	lookup func(name string) (value string, set bool), opts ...Option,
) error {
	if lookup == nil {
		return nil
	}
	o := newOptions(opts)
	v := variables{lookup, o.log}
	c.readResource(v)
	c.ServiceName = cmp.Or(v.get("OTEL_SERVICE_NAME"), c.Resource["service.name"],
		v.get("JAEGER_SERVICE_NAME"), c.ServiceName)
	c.readSampler(v)
	c.readPropagators(v)
	for _, b := range o.backends {
		if b.ReadEnvironment == nil {
			continue
		}
		if err := b.ReadEnvironment(lookup); err != nil {
			return err
		}
	}
	return nil
}

// variables are the environment variables of other projects.
type variables struct {
	lookup func(name string) (value string, set bool)
	log    *slog.Logger
}

func (v variables) get(name string) string {
	value, _ := v.lookup(name)
	return strings.TrimSpace(value)
}

// list returns the entries of a comma-separated list that are not empty.
func (v variables) list(name string) []string {
	entries := settings.SplitList(v.get(name))
	return slices.DeleteFunc(entries, func(entry string) bool { return entry == "" })
}

// ignore logs that a value, or an entry of a list, does not apply.
func (v variables) ignore(name, value, supported string) {
	v.log.Warn("unsupported value of an environment variable ignored",
		"variable", name, "value", value, "supported", supported)
}

// readResource reads comma-separated key=value pairs with percent-encoded values.
func (c *Config) readResource(v variables) {
	const name = "OTEL_RESOURCE_ATTRIBUTES"
	for _, pair := range v.list(name) {
		key, value, found := strings.Cut(pair, "=")
		key = strings.TrimSpace(key)
		decoded, err := url.PathUnescape(strings.TrimSpace(value))
		if !found || key == "" || err != nil {
			v.ignore(name, pair, "key=value, the value percent-encoded")
			continue
		}
		if c.Resource == nil {
			c.Resource = map[string]string{}
		}
		c.Resource[key] = decoded
	}
}

// propagators maps OpenTelemetry's names to header formats. Baggage is always sent and has no
// format.
var propagators = map[string]string{
	"tracecontext": "w3c", "b3": "b3", "b3multi": "b3multi", "jaeger": "jaeger", "baggage": "",
}

// readPropagators reads the header formats to send.
func (c *Config) readPropagators(v variables) {
	const name = "OTEL_PROPAGATORS"
	entries := v.list(name)
	if len(entries) == 1 && strings.EqualFold(entries[0], propagation.None) {
		c.Propagation.Inject = propagation.None
		return
	}
	var inject []string
	for _, entry := range entries {
		format, known := propagators[strings.ToLower(entry)]
		switch {
		case !known:
			v.ignore(name, entry,
				strings.Join(slices.Sorted(maps.Keys(propagators)), ", ")+", or none alone")
		case format != "" && !slices.Contains(inject, format):
			inject = append(inject, format)
		}
	}
	if len(inject) > 0 {
		c.Propagation.Inject = strings.Join(inject, ",")
	}
}

// readSampler reads OpenTelemetry's samplers. Those without parentbased_ disregard the caller's
// decision.
func (c *Config) readSampler(v variables) {
	const name = "OTEL_TRACES_SAMPLER"
	sampler := v.get(name)
	kind, parentBased := strings.CutPrefix(strings.ToLower(sampler), "parentbased_")
	switch kind {
	case "always_on":
		c.Sampler.Kind = SamplerAlways
	case "always_off":
		c.Sampler.Kind = SamplerNever
	case "traceidratio":
		c.Sampler.Kind, c.Sample = SamplerProbability, readShare(v)
	default:
		if sampler != "" {
			v.ignore(name, sampler, "always_on, always_off and traceidratio, "+
				"and these with the prefix parentbased_")
		}
		return
	}
	c.Sampler.IgnoreParent = !parentBased
}

// readShare reads the argument of the sampler traceidratio, which is 1 by default.
func readShare(v variables) float64 {
	const name = "OTEL_TRACES_SAMPLER_ARG"
	arg := v.get(name)
	if arg == "" {
		return 1
	}
	share, err := strconv.ParseFloat(arg, 64)
	if err != nil || !(share >= 0 && share <= 1) { // also true for NaN
		v.ignore(name, arg, "0 to 1")
		return 1
	}
	return share
}

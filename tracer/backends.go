package tracer

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// noop is the name of the backend that is [opentracing.NoopTracer].
const noop = "noop"

// unlinked names the backends of this module that this package does not link, to link them only
// into programs that use them. The values are the packages to import.
var unlinked = map[string]string{"otlp": "bookservice/tracer/otlp"}

// backends returns the backends that c may name, except noop and whole tracers: those of this
// package in the order of their names, then those of the options.
func (c *Config) backends(o options) []Backend {
	return append([]Backend{
		c.File.backend(c.flags),
		logBackend(o.raw),
		memoryBackend(o.memory),
		c.Zipkin.backend(c.flags, o.transports),
	}, o.backends...)
}

// names returns the names that c may name, sorted.
func (c *Config) names(o options) []string {
	names := append(slices.Collect(maps.Keys(o.tracers)), noop)
	for _, b := range c.backends(o) {
		names = append(names, b.Name)
	}
	return slices.Sorted(slices.Values(names))
}

// selected returns the names that c.Backend lists, none for noop.
func (c *Config) selected(o options) ([]string, error) {
	if c.Backend == noop {
		return nil, nil
	}
	known := c.names(o)
	invalid := func(must string) error { return c.flags.Invalid("tracer", c.Backend, must) }
	names := strings.Split(c.Backend, ",")
	for i, name := range names {
		name = strings.TrimSpace(name)
		names[i] = name
		_, whole := o.tracers[name]
		switch {
		case !slices.Contains(known, name):
			return nil, invalid(mustBeOneOf(known, name, unlinked))
		case (name == noop || whole) && len(names) > 1:
			return nil, invalid(fmt.Sprintf("must not list %s with others", name))
		case slices.Contains(names[:i], name):
			return nil, invalid(fmt.Sprintf("must not list %s twice", name))
		}
	}
	return names, nil
}

// mustBeOneOf lists the known names. If the name is one of this module that is not linked, it says
// what to import.
func mustBeOneOf(known []string, name string, unlinked map[string]string) string {
	must := "must be one of " + strings.Join(known, ", ")
	if pkg, ok := unlinked[name]; ok {
		must += fmt.Sprintf(" (%s is not linked: import %s)", name, pkg)
	}
	return must
}

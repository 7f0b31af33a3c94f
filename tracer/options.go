package tracer

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
)

// An Option sets what configuration cannot.
type Option func(*options)

type options struct {
	log     *slog.Logger
	memory  *Memory
	metrics *Metrics
	sinks   map[string]backend
	tracers map[string]BackendFunc
	taken   []string // names that were given twice
}

func newOptions(opts []Option) options {
	o := options{log: slog.Default(), sinks: maps.Clone(backends), tracers: map[string]BackendFunc{}}
	for _, opt := range opts {
		opt(&o)
	}
	return o
}

// WithLogger sets where the tracer reports lost spans, and where the log backend writes. The default is slog's.
func WithLogger(log *slog.Logger) Option { return func(o *options) { o.log = log } }

// WithMemory sets where the memory backend keeps its spans. Several tracers may share one.
func WithMemory(m *Memory) Option { return func(o *options) { o.memory = m } }

// WithSink makes name a backend that Config.Backend may list beside ours: finished spans go to what open returns. The name
// has no comma, and is not taken.
func WithSink(name string, open SinkFunc) Option {
	return func(o *options) {
		if o.claim(name) {
			o.sinks[name] = backend{checkNothing, open.opener(name)}
		}
	}
}

// WithBackend makes name a backend that Config.Backend may name alone: Open returns the tracer that open returns. The
// name has no comma, and is not taken.
func WithBackend(name string, open BackendFunc) Option {
	return func(o *options) {
		if o.claim(name) {
			o.tracers[name] = open
		}
	}
}

func (o *options) claim(name string) bool {
	if name == "" || strings.Contains(name, ",") || strings.TrimSpace(name) != name || slices.Contains(o.names(), name) {
		o.taken = append(o.taken, name)
		return false
	}
	return true
}

// names are the backends that configuration can ask for.
func (o options) names() []string {
	names := append(slices.Collect(maps.Keys(o.sinks)), noop)
	return slices.Sorted(slices.Values(slices.AppendSeq(names, maps.Keys(o.tracers))))
}

func (o options) check() error {
	if len(o.taken) > 0 {
		return fmt.Errorf("tracer: option for backend %q: the name must not be empty, taken, or have commas", o.taken[0])
	}
	return nil
}

package tracer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/opentracing/opentracing-go"
)

// An Option adds to a [Config] what it cannot express. The same options belong to
// [Config.RegisterFlags], [Config.ReadEnvironment], [Config.Validate] and [Open].
type Option func(*options)

// An OpenFunc opens a complete tracer of another implementation. The closer may be nil. [Open]
// ensures that it is called once, and that Close returns within [Config.FlushTimeout]. Of the
// settings of c, the function decides which it obeys.
type OpenFunc func(ctx context.Context, c Config) (opentracing.Tracer, io.Closer, error)

type options struct {
	log        *slog.Logger
	memory     *Memory
	metrics    *Metrics
	backends   []Backend
	transports []Transport
	tracers    map[string]OpenFunc
	names      map[string]bool // of all backends
	err        error           // the first invalid option
}

func newOptions(opts []Option) options {
	o := options{
		log:     slog.Default(),
		memory:  &Memory{},
		tracers: map[string]OpenFunc{},
		names:   map[string]bool{noop: true},
	}
	for _, b := range (&Config{}).backends(o) {
		o.names[b.Name] = true
	}
	for _, opt := range opts {
		if opt != nil {
			opt(&o)
		}
	}
	return o
}

// WithLogger sets the logger for lost spans and for the backend log. nil logs nothing. The default
// is [slog.Default].
func WithLogger(log *slog.Logger) Option {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return func(o *options) { o.log = log }
}

// WithMemory sets where the backend memory keeps its spans. Several tracers may share a Memory. nil
// means a Memory that only the tracer has.
func WithMemory(m *Memory) Option {
	if m == nil {
		m = &Memory{}
	}
	return func(o *options) { o.memory = m }
}

// WithMetrics makes m read the counters of the tracer.
func WithMetrics(m *Metrics) Option { return func(o *options) { o.metrics = m } }

// WithBackend adds a backend that [Config.Backend] may list beside others.
func WithBackend(b Backend) Option {
	return func(o *options) {
		if o.claim(b.Name) {
			o.backends = append(o.backends, b)
		}
	}
}

// WithTransport adds a transport that [ZipkinConfig.Transport] may name.
func WithTransport(t Transport) Option {
	return func(o *options) {
		for _, other := range o.transports {
			if other.Name == t.Name {
				o.fail("transport", t.Name)
				return
			}
		}
		if t.Name == ZipkinHTTP || t.Name == "" {
			o.fail("transport", t.Name)
			return
		}
		o.transports = append(o.transports, t)
	}
}

// WithTracer adds a whole tracer of another make that [Config.Backend] may name alone.
func WithTracer(name string, open OpenFunc) Option {
	return func(o *options) {
		if open == nil {
			open = noTracer
		}
		if o.claim(name) {
			o.tracers[name] = open
		}
	}
}

// noTracer is an [OpenFunc] for one that is nil.
func noTracer(context.Context, Config) (opentracing.Tracer, io.Closer, error) {
	return nil, nil, errors.New("the OpenFunc is nil")
}

// claim reserves the name of a backend.
func (o *options) claim(name string) bool {
	if name == "" || strings.ContainsAny(name, ", \t\r\n") || o.names[name] {
		o.fail("backend", name)
		return false
	}
	o.names[name] = true
	return true
}

func (o *options) fail(what, name string) {
	if o.err == nil {
		o.err = fmt.Errorf("tracer: option for %s %q: the name must be unique, "+
			"and must not be empty or contain commas or white space", what, name)
	}
}

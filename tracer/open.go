package tracer

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/opentracing/opentracing-go"
)

const noop = "noop"

// A backend is a place for finished spans.
type backend struct {
	check func(Config) error
	open  func(context.Context, Config, options) (sink, error)
}

// backends names every backend but noop that configuration can ask for.
var backends = map[string]backend{
	"log":    {checkNothing, openLog},
	"memory": {checkNothing, openMemory},
	"zipkin": {checkZipkin, openZipkin},
}

func checkNothing(Config) error { return nil }

// have lists the backends for people.
func have() string {
	return strings.Join(slices.Sorted(slices.Values(append(slices.Collect(maps.Keys(backends)), noop))), ", ")
}

// An Option sets what configuration cannot.
type Option func(*options)

type options struct {
	log    *slog.Logger
	memory *Memory
}

// WithLogger sets where the tracer reports lost spans, and where the log backend writes. The default is slog's.
func WithLogger(log *slog.Logger) Option { return func(o *options) { o.log = log } }

// WithMemory sets where the memory backend keeps its spans. Several tracers may share one.
func WithMemory(m *Memory) Option { return func(o *options) { o.memory = m } }

// Open returns the tracer that the configuration asks for. It does not wait for the backend: one that is absent is no
// error here, and never one of a request. For noop it is opentracing.NoopTracer{}, by value.
//
// Closing sends what is left within Config.FlushTimeout and returns an error that says how many spans were lost. It
// may be called more than once; a span that is finished later is dropped. The global tracer is left alone.
func Open(ctx context.Context, c Config, opts ...Option) (opentracing.Tracer, io.Closer, error) {
	if err := c.Validate(); err != nil {
		return nil, nil, err
	}
	names, err := c.backends()
	if err != nil {
		return nil, nil, err
	}
	if len(names) == 0 {
		return opentracing.NoopTracer{}, sinkCloser(nil), nil
	}
	o := options{log: slog.Default()}
	for _, opt := range opts {
		opt(&o)
	}
	var sinks sinkCloser
	for _, name := range names {
		s, err := backends[name].open(ctx, c, o)
		if err != nil {
			return nil, nil, errors.Join(err, sinks.Close())
		}
		sinks = append(sinks, s)
	}
	return newRecorder(c, sinks), sinks, nil
}

// sinkCloser closes all sinks at the same time, so that one that is down does not cost the others their flush.
type sinkCloser []sink

func (s sinkCloser) Close() error {
	errs := make([]error, len(s))
	var wg sync.WaitGroup
	for i, sink := range s {
		wg.Go(func() { errs[i] = sink.Close() })
	}
	wg.Wait()
	return errors.Join(errs...)
}

package tracer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/opentracing/opentracing-go"
)

const noop = "noop"

// A backend is a place for finished spans.
type backend struct {
	check func(Config) error
	open  func(context.Context, Config, options) (sink, error)
}

// backends names every backend of ours but noop.
var backends = map[string]backend{
	"file":   {checkFile, openFile},
	"log":    {checkNothing, openLog},
	"memory": {checkNothing, openMemory},
	"otlp":   {checkOTLP, openOTLP},
	"zipkin": {checkZipkin, openZipkin},
}

func checkNothing(Config) error { return nil }

// A BackendFunc opens a tracer that is none of ours. What the tracer does is up to it, and so is Config; Open sees to it
// that the closer is called once and that Close returns within Config.FlushTimeout.
type BackendFunc func(ctx context.Context, c Config) (opentracing.Tracer, io.Closer, error)

// Open returns the tracer that the configuration asks for. It does not wait for the backend: one that is absent is no
// error here, and never one of a request. For noop it is opentracing.NoopTracer{}, by value, whatever the other settings are.
//
// Closing sends what is left within Config.FlushTimeout and returns an error that says how many spans were lost. It
// may be called more than once; a span that is finished later is dropped. The global tracer is left alone.
func Open(ctx context.Context, c Config, opts ...Option) (opentracing.Tracer, io.Closer, error) {
	o := newOptions(opts)
	names, err := c.backends(o)
	if err == nil && len(names) == 0 && o.check() == nil {
		return opentracing.NoopTracer{}, sinkCloser(nil), nil
	}
	if err := c.Validate(opts...); err != nil {
		return nil, nil, err
	}
	if open := o.tracers[names[0]]; open != nil {
		return openForeign(ctx, c, names[0], open)
	}
	sinks, err := openSinks(ctx, c, names, o)
	if err != nil {
		return nil, nil, err
	}
	r, err := newRecorder(c, names, sinks)
	if err != nil {
		return nil, nil, errors.Join(err, sinks.Close())
	}
	if o.metrics != nil {
		o.metrics.watch(r)
	}
	return r, recorderCloser{r, sinks}, nil
}

func openSinks(ctx context.Context, c Config, names []string, o options) (sinkCloser, error) {
	var sinks sinkCloser
	for _, name := range names {
		s, err := o.sinks[name].open(ctx, c, o)
		if err != nil {
			return nil, errors.Join(err, sinks.Close())
		}
		sinks = append(sinks, s)
	}
	return sinks, nil
}

func openForeign(ctx context.Context, c Config, name string, open BackendFunc) (opentracing.Tracer, io.Closer, error) {
	tr, closer, err := open(ctx, c)
	if err != nil {
		return nil, nil, fmt.Errorf("tracer: %s: %w", name, err)
	}
	return tr, &foreignCloser{closer: closer, name: name, limit: c.FlushTimeout}, nil
}

// foreignCloser gives a closer that is not ours the manners of ours.
type foreignCloser struct {
	closer io.Closer
	name   string
	limit  time.Duration
	once   sync.Once
	err    error
}

func (f *foreignCloser) Close() error {
	f.once.Do(func() {
		if f.closer == nil {
			return
		}
		done := make(chan error, 1)
		go func() { done <- f.closer.Close() }()
		select {
		case f.err = <-done:
		case <-time.After(f.limit):
			f.err = fmt.Errorf("tracer: %s: not closed within %v", f.name, f.limit)
		}
	})
	return f.err
}

// recorderCloser hands on what the recorder still holds before it closes the sinks.
type recorderCloser struct {
	recorder *recorder
	sinks    sinkCloser
}

func (c recorderCloser) Close() error {
	c.recorder.close()
	return c.sinks.Close()
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

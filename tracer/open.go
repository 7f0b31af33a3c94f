package tracer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/opentracing/opentracing-go"

	"bookservice/tracer/internal/guard"
	"bookservice/tracer/internal/recording"
	"bookservice/tracer/internal/safelog"
	"bookservice/tracer/internal/settings"
)

// Open returns the tracer that c asks for, and a closer that flushes it. The options add what c
// cannot express. Open does not wait for a destination: one that is down is no error, neither here
// nor of a span. Open never sets the global tracer.
//
// For noop, Open returns [opentracing.NoopTracer] by value and ignores the other settings.
// Otherwise an error of [Config.Validate] is returned.
//
// Close sends queued spans for at most [Config.FlushTimeout]. Its error says how many spans were
// lost. Close may be called more than once. Close logs how many spans are unfinished, and the name
// and age of the oldest one. A span that finishes after Close is dropped.
func Open(ctx context.Context, c Config, opts ...Option) (opentracing.Tracer, io.Closer, error) {
	o := newOptions(opts)
	selected, err := c.selected(o)
	if err == nil && len(selected) == 0 && o.err == nil {
		return opentracing.NoopTracer{}, sinksCloser(nil), nil
	}
	if err := c.Validate(opts...); err != nil {
		return nil, nil, err
	}
	if open := o.tracers[selected[0]]; open != nil {
		return openTracer(ctx, c, selected[0], open)
	}
	r, sinks, err := c.open(ctx, selected, o)
	if err != nil {
		return nil, nil, errors.Join(err, sinksCloser(sinks).Close())
	}
	if o.metrics != nil {
		o.metrics.watch(r, selected, sinks)
	}
	return r, &recorderCloser{recorder: r, sinks: sinks, log: o.log, flush: c.FlushTimeout}, nil
}

// open opens the selected backends and the recorder before them. On an error it returns the sinks
// that are open.
func (c *Config) open(
	ctx context.Context, selected []string, o options,
) (*recording.Recorder, []recording.Sink, error) {
	local, err := localEndpoint(ctx, c.ServiceName, c.Address)
	if err != nil {
		return nil, nil, err
	}
	decider, err := c.Sampler.decider(c.Sample)
	if err != nil {
		return nil, nil, err
	}
	sinks, err := c.openSinks(ctx, selected, o)
	if err != nil {
		return nil, sinks, err
	}
	return recording.New(recording.Config{
		Local:       local,
		Decider:     decider,
		Propagator:  c.Propagation.propagator(),
		LongIDs:     c.TraceIDBits == 128,
		LiveAfter:   c.LiveAfter,
		BaggageTags: settings.SplitList(c.Propagation.BaggageTags),
	}, sinks), sinks, nil
}

func (c *Config) openSinks(
	ctx context.Context, selected []string, o options,
) (sinks []recording.Sink, err error) {
	byName := map[string]Backend{}
	for _, b := range c.backends(o) {
		byName[b.Name] = b
	}
	spools := map[string]bool{}
	for _, name := range selected {
		open := byName[name].Open
		if open == nil {
			return sinks, openError(name, errors.New("Open is nil"))
		}
		opened, err := open(ctx, Settings{
			ServiceName:    c.ServiceName,
			ServiceVersion: c.ServiceVersion,
			Address:        c.Address,
			Resource:       c.Resource,
			FlushTimeout:   c.FlushTimeout,
			Delivery:       c.Delivery,
			Logger:         o.log,
			backend:        name,
			flags:          c.flags,
			spools:         spools,
		})
		if err == nil && opened.sink == nil {
			err = errors.New("Open returned no sink")
		}
		if err != nil {
			return sinks, openError(name, err)
		}
		sinks = append(sinks, opened.sink)
	}
	warnOfOtherSpools(c.Delivery.Spool, spools, o.log)
	return sinks, nil
}

// A settingError is an error about the value of a setting, of this module or of a third party.
type settingError interface {
	error
	Setting() string // the name of the flag
}

// openError names the backend in an error of its Open. An error about a setting names that instead.
func openError(backend string, err error) error {
	if _, ok := errors.AsType[settingError](err); ok {
		return err
	}
	return fmt.Errorf("tracer: %s: %w", backend, err)
}

func openTracer(
	ctx context.Context, c Config, name string, open OpenFunc,
) (opentracing.Tracer, io.Closer, error) {
	tr, closer, err := open(ctx, c)
	if err != nil {
		return nil, nil, fmt.Errorf("tracer: %s: %w", name, err)
	}
	return tr, &tracerCloser{closer: closer, name: name, limit: c.FlushTimeout}, nil
}

// A tracerCloser closes a tracer that is not a Recorder. It calls Close once, and waits for it no
// longer than limit.
type tracerCloser struct {
	closer io.Closer
	name   string
	limit  time.Duration
	once   sync.Once
	err    error
}

func (t *tracerCloser) Close() error {
	t.once.Do(func() {
		if t.closer == nil {
			return
		}
		done := make(chan error, 1)
		go func() { done <- guard.Call(t.closer.Close) }()
		select {
		case t.err = <-done:
		case <-time.After(t.limit):
			t.err = fmt.Errorf("tracer: %s: not closed within %v", t.name, t.limit)
		}
	})
	return t.err
}

// A recorderCloser closes the recorder, which may hand more spans to the sinks, before the sinks.
type recorderCloser struct {
	recorder *recording.Recorder
	sinks    sinksCloser
	log      *slog.Logger
	flush    time.Duration
	once     sync.Once
}

// logTime is how long Close waits for the log handler, if the flush timeout leaves more.
const logTime = time.Second

// Close returns at most a second after the flush timeout, even if the log handler hangs.
func (c *recorderCloser) Close() error {
	end := time.Now().Add(c.flush + 950*time.Millisecond)
	defer func() {
		safelog.Flush(c.log, max(0, min(logTime, time.Until(end))))
	}()
	c.once.Do(func() {
		if left := c.recorder.Close(); left.Spans > 0 {
			c.log.Warn("spans unfinished at Close", "spans", left.Spans,
				"oldest", left.Oldest, "age", left.Age)
		}
	})
	return c.sinks.Close()
}

// A sinksCloser closes its sinks concurrently, so that each has the whole flush timeout.
type sinksCloser []recording.Sink

func (s sinksCloser) Close() error {
	errs := make([]error, len(s))
	var wg sync.WaitGroup
	for i, sink := range s {
		wg.Go(func() { errs[i] = sink.Close() })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// Package bookclient is bookclient without its command line: it discovers the service, makes both
// calls below one span, and prints the results.
package bookclient

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	"google.golang.org/grpc/status"

	"bookservice/cmd/internal/shutdown"
	"bookservice/configs"
	"bookservice/discovery"
	"bookservice/service"
	"bookservice/service/client"
	"bookservice/tracer"
	"bookservice/tracer/all"
)

// A RunError is an error of a client that has started: no instance was found, a call failed, or
// its result could not be written.
type RunError struct{ Err error }

func (e RunError) Error() string { return e.Err.Error() }
func (e RunError) Unwrap() error { return e.Err }

// Run makes cfg.Runs runs and writes each to stdout. The options are for the tracer.
func Run(ctx context.Context, cfg configs.Client, stdout io.Writer, log *slog.Logger,
	opts ...tracer.Option) error {
	open := shutdown.New(log)
	defer open.Close()
	tr, books, err := connect(ctx, cfg, log, open, opts)
	if err != nil {
		return err
	}
	for range cfg.Runs {
		if err := once(ctx, cfg, tr, books, stdout); err != nil {
			return RunError{err}
		}
	}
	return nil
}

// maxRuns is how many runs of Load are in progress at most.
const maxRuns = 100

// Load makes runs at the rate, per second, until ctx ends, and prints nothing. It logs the number
// of runs that failed, and the last error, at most every 5 s.
func Load(ctx context.Context, cfg configs.Client, rate float64, log *slog.Logger,
	opts ...tracer.Option) error {
	open := shutdown.New(log)
	defer open.Close()
	tr, books, err := connect(ctx, cfg, log, open, opts)
	if ctx.Err() != nil {
		return nil
	} else if err != nil {
		return err
	}
	var runs sync.WaitGroup
	defer runs.Wait()
	tick := time.NewTicker(max(time.Duration(float64(time.Second)/rate), time.Microsecond))
	defer tick.Stop()
	failed := failures{log: log}
	free := make(chan struct{}, maxRuns)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		select {
		case free <- struct{}{}:
		default: // the servers are too slow for the rate
			continue
		}
		runs.Go(func() {
			if err := once(ctx, cfg, tr, books, io.Discard); err != nil && ctx.Err() == nil {
				failed.add(err)
			}
			<-free
		})
	}
}

// failures logs failed runs.
type failures struct {
	log *slog.Logger

	mu     sync.Mutex
	n      int       // since the last line
	logged time.Time // the last line
}

func (f *failures) add(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n++
	if time.Since(f.logged) < 5*time.Second {
		return
	}
	f.log.Warn("runs failed", "runs", f.n, "err", err)
	f.n, f.logged = 0, time.Now()
}

// connect opens the tracer, discovery and the client, and waits for an instance. What it opens is
// on the stack.
func connect(ctx context.Context, cfg configs.Client, log *slog.Logger, open *shutdown.Stack,
	opts []tracer.Option) (opentracing.Tracer, *client.Client, error) {
	opts = append([]tracer.Option{tracer.WithLogger(log)}, opts...)
	tr, flush, err := all.Open(ctx, cfg.Tracer, opts...)
	if err != nil {
		return nil, nil, err
	}
	open.PushWithin(shutdown.Beyond(cfg.Tracer.FlushTimeout), "tracer", flush.Close)
	registry, err := discovery.Open(ctx, cfg.Discovery, discovery.WithLogger(log))
	if err != nil {
		return nil, nil, err
	}
	open.Push("discovery", registry.Close)
	instancer, err := registry.Instancer("")
	if err != nil {
		return nil, nil, err
	}
	found := func(ctx context.Context) error { return discovery.Wait(ctx, instancer) }
	if err := wait(ctx, cfg, found); err != nil {
		return nil, nil, RunError{err}
	}
	books, err := client.New(instancer, tr, cfg.Calls, client.WithLogger(log),
		client.WithMetadata(func(addr string) map[string]string {
			return discovery.Metadata(instancer, addr)
		}))
	if err != nil {
		return nil, nil, err
	}
	open.Push("client", books.Close)
	if err := wait(ctx, cfg, books.Wait); err != nil {
		return nil, nil, RunError{err}
	}
	return tr, books, nil
}

// wait waits for the first instance, for cfg.Wait at most.
func wait(ctx context.Context, cfg configs.Client, first func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, cfg.Wait)
	defer cancel()
	return first(ctx)
}

// once makes both calls below one span and prints the results.
func once(ctx context.Context, cfg configs.Client, tr opentracing.Tracer, books service.Service,
	w io.Writer) (err error) {
	span := tr.StartSpan("bookCaller")
	defer func() {
		if err != nil {
			ext.LogError(span, err)
		}
		span.Finish()
	}()
	r := result{url: cfg.Tracer.TraceURL}
	r.TraceID, _ = tracer.TraceID(span.Context())
	ctx = opentracing.ContextWithSpan(ctx, span)
	ctx = client.WithObserver(ctx, func(a client.Attempt) {
		r.Instances = append(r.Instances, a.Instance)
	})
	info, err := books.BookInfo(ctx, int32(cfg.ID))
	if err != nil {
		return callError(err, r.TraceID)
	}
	list, err := books.BookList(ctx, 0, 0)
	if err != nil {
		return callError(err, r.TraceID)
	}
	r.Info, r.List = bookLines(info), bookLines(list...)
	return r.print(w, cfg)
}

// callError returns the error of a call with its gRPC code and the id of its trace.
func callError(err error, traceID string) error {
	if traceID == "" {
		return fmt.Errorf("%s: %w", status.Code(err), err)
	}
	return fmt.Errorf("%s: %w (trace %s)", status.Code(err), err, traceID)
}

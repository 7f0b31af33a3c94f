// Package bookclient is bookclient without its command line: it discovers the service, makes both
// calls below one span, and prints the results.
package bookclient

import (
	"context"
	"fmt"
	"io"
	"log/slog"

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

// A RunError is an error of a client that has started: no instance was found, or a call failed.
type RunError struct{ err error }

func (e RunError) Error() string { return e.err.Error() }
func (e RunError) Unwrap() error { return e.err }

// Run makes cfg.Runs runs and writes each to stdout. The options are for the tracer.
func Run(ctx context.Context, cfg configs.Client, stdout io.Writer, log *slog.Logger,
	opts ...tracer.Option) error {
	open := shutdown.New(log)
	defer open.Close()
	opts = append([]tracer.Option{tracer.WithLogger(log)}, opts...)
	tr, flush, err := all.Open(ctx, cfg.Tracer, opts...)
	if err != nil {
		return err
	}
	open.Push("tracer", flush.Close)
	registry, err := discovery.Open(ctx, cfg.Discovery, discovery.WithLogger(log))
	if err != nil {
		return err
	}
	open.Push("discovery", registry.Close)
	instancer, err := registry.Instancer("")
	if err != nil {
		return err
	}
	found := func(ctx context.Context) error { return discovery.Wait(ctx, instancer) }
	if err := wait(ctx, cfg, found); err != nil {
		return RunError{err}
	}
	books, err := client.New(instancer, tr, cfg.Calls, client.WithLogger(log))
	if err != nil {
		return err
	}
	open.Push("client", books.Close)
	if err := wait(ctx, cfg, books.Wait); err != nil {
		return RunError{err}
	}
	for range cfg.Runs {
		if err := once(ctx, cfg, tr, books, stdout); err != nil {
			return RunError{err}
		}
	}
	return nil
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

// Package bookclient is bookclient without its command line: it discovers the service, makes both calls under one
// span, and prints what came back.
package bookclient

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	"google.golang.org/grpc/status"

	"bookservice/cmd/internal/closing"
	"bookservice/configs"
	"bookservice/discovery"
	"bookservice/service"
	"bookservice/service/client"
	"bookservice/tracer"
	"bookservice/tracer/all"
)

// A Failure is a run that failed after the client had started as asked.
type Failure struct{ err error }

func (f Failure) Error() string { return f.err.Error() }
func (f Failure) Unwrap() error { return f.err }

// Run makes cfg.Runs runs and writes each to stdout. Further options are for the tracer.
func Run(ctx context.Context, cfg configs.Client, stdout io.Writer, log *slog.Logger, opts ...tracer.Option) (err error) {
	tr, flush, err := all.Open(ctx, cfg.Tracer, append([]tracer.Option{tracer.WithLogger(log)}, opts...)...)
	if err != nil {
		return err
	}
	defer closing.Report(log, "tracer", flush)
	registry, err := discovery.Open(ctx, cfg.Discovery, discovery.WithLogger(log))
	if err != nil {
		return err
	}
	defer closing.Report(log, "discovery", registry)
	instancer, err := registry.Instancer("")
	if err != nil {
		return err
	}
	if err := wait(ctx, cfg, func(ctx context.Context) error { return discovery.Wait(ctx, instancer) }); err != nil {
		return Failure{err}
	}
	books, err := client.New(instancer, tr, cfg.Calls, client.WithLogger(log))
	if err != nil {
		return err
	}
	defer closing.Report(log, "client", books)
	if err := wait(ctx, cfg, books.Wait); err != nil {
		return Failure{err}
	}
	for range cfg.Runs {
		if err := once(ctx, cfg, tr, books, stdout); err != nil {
			return Failure{err}
		}
	}
	return nil
}

func wait(ctx context.Context, cfg configs.Client, first func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, cfg.Wait)
	defer cancel()
	return first(ctx)
}

// once makes both calls below one span and prints them.
func once(ctx context.Context, cfg configs.Client, tr opentracing.Tracer, books service.Service, w io.Writer) (err error) {
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
	ctx = client.WithObserver(ctx, func(a client.Attempt) { r.Instances = append(r.Instances, a.Instance) })
	book, err := books.BookInfo(ctx, int32(cfg.ID))
	if err != nil {
		return failure(err, r.TraceID)
	}
	list, err := books.BookList(ctx, 0, 0)
	if err != nil {
		return failure(err, r.TraceID)
	}
	r.Info, r.List = shown(book), shown(list...)
	return r.print(w, cfg)
}

func failure(err error, traceID string) error {
	if traceID == "" {
		return fmt.Errorf("%s: %w", status.Code(err), err)
	}
	return fmt.Errorf("%s: %w (trace %s)", status.Code(err), err, traceID)
}

// Package ours has what the servers and the clients of our rows share. They are two programs, as
// bookserver and bookclient are, because the server links compression, which adds a header to the
// calls of a client.
package ours

import (
	"context"
	"log/slog"

	"github.com/opentracing/opentracing-go"

	"bookservice/cmd/bookbench/internal/side"
	"bookservice/cmd/internal/heap"
	"bookservice/discovery"
	"bookservice/tracer"
	"bookservice/tracer/all"
)

// A Row is a row of this project.
type Row struct {
	Name string
	// Whole makes the row bookserver and bookclient without their command lines. Else it is our
	// server without guards, and a client of one connection.
	Whole bool
	tune  tune // nil for no tracer
}

// Rows returns the rows of this project.
func Rows() []Row {
	return []Row{
		{Name: "ours, untraced"},
		{Name: "ours, noop", tune: chain()},
		{Name: "ours, 1 %, traceparent alone", tune: chain(toZipkin, w3c, onePercent)},
		{Name: "ours, sampled, zipkin, default headers (as shipped)", tune: toZipkin},
		{Name: "ours, sampled, zipkin, traceparent alone", tune: chain(toZipkin, w3c)},
		{Name: "ours, sampled, OTLP over gRPC, default headers", tune: toOTLP},
		{
			Name:  "ours, whole client, sampled, zipkin, default headers",
			Whole: true, tune: toZipkin,
		},
		{Name: "ours, whole client, untraced", Whole: true, tune: chain()},
	}
}

// Tune changes the settings of the tracer from the defaults of the commands to those of the row.
func (r Row) Tune(c *all.Config, s side.Settings) { r.tune(c, s) }

// A tune changes the settings of the tracer from those that the commands have by default.
type tune func(*all.Config, side.Settings)

func chain(tunes ...tune) tune {
	return func(c *all.Config, s side.Settings) {
		for _, t := range tunes {
			t(c, s)
		}
	}
}

func toZipkin(c *all.Config, s side.Settings) { c.Backend, c.Zipkin.URL = "zipkin", s.Zipkin }

func toOTLP(c *all.Config, s side.Settings) {
	c.Backend, c.OTLP.Endpoint = "otlp", "http://"+s.OTLP
}

func w3c(c *all.Config, _ side.Settings) { c.Propagation.Inject = "w3c" }

func onePercent(c *all.Config, _ side.Settings) { c.Sample = 0.01 }

// Quiet discards log lines. What a line would report, the counts of spans and calls show.
func Quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// KeepHeap does what the main functions of the commands do.
func KeepHeap(e *side.Env, size int) {
	stop := heap.Keep(size)
	e.OnClose(func() error { stop(); return nil })
}

// Open opens the tracer of the row with the settings of a command. It returns nil for no tracer.
func (r Row) Open(e *side.Env, c all.Config) (opentracing.Tracer, error) {
	if r.tune == nil {
		return nil, nil
	}
	r.tune(&c, e.Settings)
	tr, closer, err := all.Open(context.Background(), c, tracer.WithLogger(Quiet()))
	if err != nil {
		return nil, err
	}
	e.OnClose(closer.Close)
	return tr, nil
}

// Static returns the configuration of discovery with one instance.
func Static(addr string) discovery.Config {
	c := discovery.DefaultConfig()
	c.Kind, c.Instances = "static", []string{addr}
	return c
}

package main

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"time"
)

// A row is a way to make calls: a server, a client, and how both are traced.
type row struct {
	name string
	// ours marks a row of this project. A problem of such a row makes the command fail.
	ours bool
	// spans is how many spans of a call arrive; 0 for a row without tracing.
	spans int
	// share is the share of the calls that is recorded.
	share float64
	// lists marks a row that can also get lists of books.
	lists bool
	// fewer divides the number of calls; 0 is 1. It is for rows whose calls use up ports.
	fewer int
	// serve starts the server, in the process of its own, and returns its address.
	serve func(*env) (addr string, err error)
	// dial prepares the client, in a process of its own.
	dial func(e *env, addr string) (call, error)
}

// A call makes one call and checks the answer.
type call func(context.Context) error

// An env is what the server or the client of a row gets, and what it leaves to be closed.
type env struct {
	settings
	closers []func() error
	flushes []func(context.Context) error
}

// settings are the settings of a run, for all of its processes.
type settings struct {
	Row    string        // its name
	Zipkin string        // URL that spans are posted to
	OTLP   string        // host:port of the collector for OTLP over gRPC
	Books  int           // number of books that a call gets as a list; 0 for one book
	Calls  int           // in total, warm-up included
	Delay  time.Duration // of the collector's answers
}

// onClose adds a function that the end of the run calls. The last one is called first.
func (e *env) onClose(f func() error) { e.closers = append(e.closers, f) }

// onFlush adds a function that sends the spans of the warm-up.
func (e *env) onFlush(f func(context.Context) error) { e.flushes = append(e.flushes, f) }

// close closes everything and returns the first error. Tracers send their queued spans.
func (e *env) close() error {
	var first error
	for _, f := range slices.Backward(e.closers) {
		if err := f(); first == nil {
			first = err
		}
	}
	return first
}

const rawName = "raw grpc-go"

// rows returns all rows.
func rows() []row {
	all := []row{
		{name: rawName, lists: true, serve: serveRaw, dial: dialRaw},
		{name: "go-kit, untraced", serve: serveKit(nil), dial: dialKit(nil)},
		{
			name: "the tutorial's program", spans: 2, share: 1, fewer: 20,
			serve: serveKit(openBridge), dial: dialTutorial,
		},
		{
			name: "go-kit, bare bridge, zipkin-go's reporter", spans: 2, share: 1,
			serve: serveKit(openBridge), dial: dialKit(openBridge),
		},
		{
			name: "the same behind go-kit's balancer, retry and hystrix", spans: 2, share: 1,
			serve: serveKit(openBridge), dial: dialHystrix,
		},
		otelRow("otelgrpc, OTLP exporter, 100 %", openOTLP, 1),
		otelRow("otelgrpc, OTLP exporter, 1 %", openOTLP, 0.01),
		otelRow("otelgrpc, Zipkin exporter", openOTelZipkin, 1),
		{
			name: "zipkin-go's stats handler", spans: 2, share: 1,
			serve: serveZipkinGo, dial: dialZipkinGo,
		},
		{name: "kratos, OTLP exporter", spans: 2, share: 1, serve: serveKratos, dial: dialKratos},
		{name: "go-zero, OTLP exporter", spans: 2, share: 1, serve: serveZero, dial: dialZero},
	}
	return append(all, ourRows()...)
}

// rowNamed returns the row with this name.
func rowNamed(name string) (row, error) {
	all := rows()
	i := slices.IndexFunc(all, func(r row) bool { return r.name == name })
	if i < 0 {
		return row{}, fmt.Errorf("no row is named %q", name)
	}
	return all[i], nil
}

// choose returns the rows that match the pattern and the condition, and raw gRPC in any case.
func choose(pattern *regexp.Regexp, ok func(row) bool) []row {
	return slices.DeleteFunc(rows(), func(r row) bool {
		return r.name != rawName && (!pattern.MatchString(r.name) || !ok(r))
	})
}

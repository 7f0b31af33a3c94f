package main

import (
	"fmt"
	"regexp"
	"slices"

	"bookservice/cmd/bookbench/internal/side"
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
	// program is the folder of a program that has the row's server and client. If it is empty, this
	// program has them, in Way.
	program string
	side.Way
}

const rawName = "raw grpc-go"

// rows returns all rows.
func rows() []row {
	all := []row{
		{name: rawName, lists: true, Way: side.Way{Serve: side.ServeRaw, Dial: side.DialRaw}},
		{name: "go-kit, untraced", Way: side.Way{Serve: serveKit(nil), Dial: dialKit(nil)}},
		{
			name: "the tutorial's program", spans: 2, share: 1, fewer: 20,
			Way: side.Way{Serve: serveKit(openBridge), Dial: dialTutorial},
		},
		{
			name: "go-kit, bare bridge, zipkin-go's reporter", spans: 2, share: 1,
			Way: side.Way{Serve: serveKit(openBridge), Dial: dialKit(openBridge)},
		},
		{
			name: "the same behind go-kit's balancer, retry and hystrix", spans: 2, share: 1,
			Way: side.Way{Serve: serveKit(openBridge), Dial: dialHystrix},
		},
		otelRow("otelgrpc, OTLP exporter, 100 %", openOTLP, 1),
		otelRow("otelgrpc, OTLP exporter, 1 %", openOTLP, 0.01),
		otelRow("otelgrpc, Zipkin exporter", openOTelZipkin, 1),
		{
			name: "zipkin-go's stats handler", spans: 2, share: 1,
			Way: side.Way{Serve: serveZipkinGo, Dial: dialZipkinGo},
		},
		{
			name: "kratos, OTLP exporter", spans: 2, share: 1,
			Way: side.Way{Serve: serveKratos, Dial: dialKratos},
		},
		{name: "go-zero, OTLP exporter", spans: 2, share: 1, program: "gozero"},
	}
	return append(all, ourRows()...)
}

// wayOf returns the server and the client of the row with this name.
func wayOf(name string) (side.Way, error) {
	all := rows()
	i := slices.IndexFunc(all, func(r row) bool { return r.name == name && r.program == "" })
	if i < 0 {
		return side.Way{}, fmt.Errorf("this program has no row that is named %q", name)
	}
	return all[i].Way, nil
}

// choose returns the rows that match the pattern and the condition, and raw gRPC in any case.
func choose(pattern *regexp.Regexp, ok func(row) bool) []row {
	return slices.DeleteFunc(rows(), func(r row) bool {
		return r.name != rawName && (!pattern.MatchString(r.name) || !ok(r))
	})
}

package main

import (
	"regexp"
	"slices"
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
	// client and server are the folders of the programs that have the two sides.
	client, server string
}

const rawName = "raw grpc-go"

// rows returns all rows.
func rows() []row {
	const plain, otel, gozero = "plain", "otel", "gozero"
	traced := func(name, program string, share float64) row {
		return row{name: name, client: program, server: program, spans: 2, share: share}
	}
	tutorial := traced("the tutorial's program", plain, 1)
	tutorial.fewer = 20
	all := []row{
		{name: rawName, client: plain, server: plain, lists: true},
		{name: "raw grpc-go, heap as ours", client: plain, server: plain, lists: true},
		{name: "go-kit, untraced", client: plain, server: plain},
		tutorial,
		traced("go-kit, bare bridge, zipkin-go's reporter", plain, 1),
		traced("the same behind go-kit's balancer, retry and hystrix", plain, 1),
		traced("otelgrpc, OTLP exporter, 100 %", otel, 1),
		traced("otelgrpc, OTLP exporter, 1 %", otel, 0.01),
		traced("otelgrpc, Zipkin exporter", otel, 1),
		traced("zipkin-go's stats handler", plain, 1),
		traced("kratos, OTLP exporter", otel, 1),
		traced("go-zero, OTLP exporter", gozero, 1),
	}
	for _, r := range []row{
		{name: "ours, untraced", lists: true},
		{name: "ours, noop", lists: true},
		{name: "ours, 1 %, traceparent alone", share: 0.01, lists: true},
		{name: "ours, sampled, zipkin, default headers (as shipped)", share: 1, lists: true},
		{name: "ours, sampled, zipkin, traceparent alone", share: 1, lists: true},
		{name: "ours, sampled, OTLP over gRPC, default headers", share: 1, lists: true},
		{name: "ours, whole client, sampled, zipkin, default headers", share: 1},
		{name: "ours, whole client, untraced"},
	} {
		r.ours, r.client, r.server = true, "ours", "oursserver"
		if r.share > 0 {
			r.spans = 2
		}
		all = append(all, r)
	}
	return all
}

// choose returns the rows that match the pattern and the condition, and raw gRPC in any case.
func choose(pattern *regexp.Regexp, ok func(row) bool) []row {
	return slices.DeleteFunc(rows(), func(r row) bool {
		return r.name != rawName && (!pattern.MatchString(r.name) || !ok(r))
	})
}

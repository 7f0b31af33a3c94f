// Package outside is the root of a module that compares this project with software of other
// projects: OpenTelemetry, go-kit, the clients of Jaeger and Zipkin, and a browser. Their modules
// are in the go.mod here, so that the go.mod of the product has only modules that the product
// needs.
//
//   - interop traces calls between our services and services with other instrumentation.
//   - faulttable is a command that measures how many spans are lost during faults of a collector.
//   - discoverytable is a command that measures what faults of etcd cost discovery and go-kit's.
//   - calltable is a command that measures what faults of servers and etcd cost the calls of our
//     client and of go-kit's.
//   - budget counts what otelgrpc costs a call, as bookservice/cmd/internal/budget does for others.
//   - sampling compares the decisions of the probability sampler with those of OpenTelemetry's.
//   - propagation passes traces and baggage from and to OpenTelemetry's SDK by headers.
//   - browser loads a trace of the commands in the pages of a real Zipkin.
//
// The commands are:
//
//	go -C cmd/internal/outside test ./...
//	go -C cmd/internal/outside run ./faulttable
//	go -C cmd/internal/outside run ./discoverytable
//	go -C cmd/internal/outside run ./calltable
package outside

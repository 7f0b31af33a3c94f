// Package outside is the root of a module that compares this project with software of other
// projects: OpenTelemetry, Jaeger's and Zipkin's clients, a browser. Their modules are in the go.mod
// here, so that the go.mod of the product has only modules that the product needs.
//
//		go -C cmd/internal/outside test ./...
//
//	  - interop: services that others instrument, and ours, are one trace.
//	  - faulttable: a command that measures how many spans are lost during faults of a collector.
//	  - budget: what otelgrpc costs a call, beside the rows of bookservice/cmd/internal/budget.
//	  - sampling: the probability sampler decides as OpenTelemetry's does.
//	  - browser: Zipkin's page of a trace.
package outside

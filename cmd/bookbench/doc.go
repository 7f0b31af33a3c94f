// Bookbench measures what a traced call costs over TCP, here and with other software: grpc-go,
// go-kit, zipkin-go and its OpenTracing bridge, OpenTelemetry, kratos and go-zero. It is a module
// of its own, so that the product's go.mod has none of these.
//
//	go -C cmd/bookbench run . -svg FILE              # calls: a quarter of an hour
//	go -C cmd/bookbench run . -short                 # a test of this program: under a minute
//	go -C cmd/bookbench run . -slow 50ms,200ms       # spans lost, and memory
//	go -C cmd/bookbench run . -list 1000,10000       # GetBookList
//	go -C cmd/bookbench test -run '^$' -bench .      # parts of the client and of the tracer
//
// It needs a Unix system, for good figures a quiet one, and this folder as the working directory:
// it builds the programs of the rows, so that each links only what its row needs. -h lists the
// flags.
//
// # A run
//
// A run of a row has three processes on 127.0.0.1: a server, a client and a collector. All rows
// make the same call, GetBookInfo of bookservice/api/book, on one connection, from the same
// catalogue; only the row named after the tutorial dials for each call. The client makes a warm-up
// of half of the calls, after which heaps and pools have their size. It waits until the spans of
// these have arrived (3 s at most), and makes the calls, with 16 or 64 callers that each make one
// call at a time. Then client and server close their tracers, which sends what is queued.
//
// Measured are, for server and client together, from the first call until both are closed:
//
//   - CPU time, user and system (getrusage);
//   - allocations and allocated bytes ([runtime.MemStats]);
//   - the time of the calls, without closing.
//
// The collector is not part of any figure. It keeps the posts and decodes them after the run:
// Zipkin in JSON and protobuf, OTLP over gRPC and HTTP, compressed or not. It counts distinct
// spans. If calls failed, or another number of spans arrived than was finished, the row is marked
// and not ranked. Of our rows it also checks that each call has one CLIENT and one SERVER span,
// that each parent arrived, and that no span arrived twice. A row that records 1 % of the calls
// must have complete traces, of a plausible number. A problem of our rows makes the exit status 1,
// a peer's does not; times never do.
//
// # A table
//
// All rows run once in each repetition, in random order. A ratio is to raw gRPC of the same
// repetition and number of callers. The table has the median of the ratios and, in parentheses,
// their range. An interrupted table has the complete repetitions.
//
// Our rows have the defaults of the commands, with the named backend or headers. The rows "whole
// client" are bookserver and bookclient without their command lines: discovery, guards, metrics,
// balancing, retries and breaker. All of ours let the heap grow to 16 MiB before a collection, as
// the commands do (-heap-bytes). Peers have Go's 4 MiB. The row "raw grpc-go, heap as ours" shows
// what this setting saves by itself. Peers are used as their documentation does, with these
// differences: go-zero does not refuse calls while the processors are busy, and the limits of
// hystrix are those of our client. Raw gRPC has no options.
//
// -slow makes the collector answer each post only after a time. The table has the share of the
// spans that were lost, and how much larger the server's peak of resident memory was than without a
// delay. -list replaces the call by GetBookList. Raw gRPC's server then makes the messages anew for
// each call, as ours does. Its client leaves them as messages; ours makes books of them.
//
// # What the numbers do not say
//
//   - Every call does nothing: it finds a book in memory. In a service that works, the ratios are
//     smaller.
//   - Both sides share the machine with the collector and with each other, without a network. Times
//     of calls are therefore times of the processors, and no latencies.
//   - CPU time depends on the machine and its load; compare ratios, and only of one table.
//   - A program also costs what it links. Packages allocate 0.2 MB (raw gRPC) to 2.2 MB (go-zero)
//     before main, which each garbage collection marks. A client that links gzip sends one more
//     header with each call, as those of OpenTelemetry and go-zero do.
//   - The rows record different things. Ours have peers, codes and ids of the instance; zipkin-go's
//     stats handler, for one, has little more than a name. The bare bridge's spans have no kind.
//   - A slow collector is one fault. bookservice/cmd/internal/outside/faulttable has others.
//   - The benchmarks have no transport; their figures are parts of calls and cannot be added up.
//     Those of the whole client contain what it does besides.
package main

// Package tracertest tests tracers: [Run] is the suite that every backend of package tracer passes, and that one of yours
// can run too. [StartZipkin] starts a real Zipkin to read back from. Package faults, below, is a collector that goes wrong.
//
// The suite looks at nothing but what the destination received. It promises, each under a subtest of this name:
//
//   - Harness, HarnessUnsampled: the OpenTracing harness passes, all 16 checks, for sampled and for unsampled spans.
//   - Identity: a span has the ids that its context sends on, 128 bits for the trace; it is of the service that the Config
//     names, and has no kind and no peer unless told.
//   - KindsAndPeers: kind and peer count until Finish, in each type that users give them in.
//   - Errors: the tag error is there only when it is true, or a text, and if true then with the message of the logged error.
//   - Logs: a log record is one annotation, at its time, with its fields in order.
//   - Once: a span is sent once, and what is said after Finish changes nothing.
//   - Times: a span that ends before it begins, or with its beginning, lasts 1 µs; one that begins before 1970 begins now.
//   - References: the first ChildOf of this tracer is the parent, else the first FollowsFrom, which is marked; contexts of
//     other tracers and nil are passed over.
//   - Sampling, Priority: a trace is sent whole or not at all; the tag sampling.priority goes before the sampler.
//   - Baggage: it goes down the trace and over the wire, also where nothing is sampled.
//   - AbsurdInput: what is too long, too much, not UTF-8 or no value at all costs the span that it is on at most.
//   - AfterClose: what has been finished before has arrived; afterwards nothing blocks, and nothing panics.
//   - Concurrency: all methods may be called at once, on one span too.
//   - GoKitOverGRPC, GoKitOverHTTP, WithinAServer, TakesThePlace: with go-kit's own options each parent that is named is a
//     span of the trace that was sent, and the kinds are right.
package tracertest

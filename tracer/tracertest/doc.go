// Package tracertest tests tracers. [Run] is the suite that every backend of package tracer passes;
// a backend of a third party can run it too.
//
// The suite reads only the spans that the destination received. Each item is a subtest:
//
//   - Harness, HarnessUnsampled: the 16 checks of the OpenTracing harness pass, for sampled and for
//     unsampled spans.
//   - Identity: a span has the ids that its context propagates. A trace id has 128 bits. The local
//     endpoint is the service of the Config. Kind and peer are absent unless set.
//   - KindsAndPeers: kind and peer may be set until Finish, with every supported type.
//   - Errors: the tag error is sent only if it is true or a text. If it is true, it is sent as the
//     message of the logged error.
//   - Logs: a log record is one annotation, at its time, with its fields in order.
//   - Once: a span is sent once. Calls after the first Finish do not change it.
//   - Times: a span that ends at its start or before lasts 1 µs. A start before 1970 is replaced by
//     the current time.
//   - References: the parent is the first ChildOf reference to a context of the tracer, else the
//     first FollowsFrom, which adds a tag. Contexts of other tracers and nil are ignored.
//   - Sampling, Priority: a trace is sent whole or not at all. The tag sampling.priority takes
//     precedence over the sampler.
//   - Baggage: items reach children and other processes, whether or not the trace is sampled.
//   - Links: the other references are the tag opentracing.references, in order.
//   - Values: a value is rendered before its span is locked. Its methods may use the span, and may
//     panic. Pointers are followed, and a value that contains itself is rendered.
//   - ErrorMessages: the error tag has the message of the last logged error, whichever field
//     has it.
//   - ManyLogs: of more than 128 log records, the oldest and the newest 64 are sent, and a tag has
//     the number of the others.
//   - AnyTimes: a span that starts and ends at any time has a start and a duration that every
//     format can express.
//   - PeerForms: addresses in peer.hostname, without a port, and of IPv6 are the peer's address.
//   - AbsurdInput: values that are too long, too many, not UTF-8 or nil are truncated, replaced or
//     omitted. Other spans are not affected.
//   - AfterClose: spans that finish before Close arrive. A span that finishes later neither blocks
//     nor panics.
//   - Concurrency: all methods may be called concurrently, also on one span.
//   - GoKitOverGRPC, GoKitOverHTTP, WithinAServer, Reparented: with go-kit's options every reported
//     parent is a reported span of the trace, and the kinds are correct.
//   - Parents: the same holds for children of every kind, below parents of every kind that are
//     finished, abandoned or leaked. The tags of a parent are sent once.
//   - Unfinished: unfinished spans are reported at Close with the tag unfinished, if others name
//     them.
package tracertest

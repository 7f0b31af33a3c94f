// Package tracertest tests tracers: [Run] is the suite that every backend of package tracer passes, and that one of yours
// can run too. [StartZipkin] starts a real Zipkin to read back from.
//
// The suite looks at nothing but what the destination received. It promises:
//
//   - The OpenTracing harness passes, all 16 checks, for sampled and for unsampled spans.
//   - Tags count until Finish, those too that have a place of their own: the kind, the peer, the error.
//   - error is there only when it is true, and then with the message of the logged error.
//   - A span is sent once, and what is said after Finish changes nothing.
//   - Each parent that is named is a span of the trace that was sent, with go-kit's own options as well.
//   - A span that is not sampled is not sent, and neither is anything below it.
//   - Absurd input costs at most the span that it is on.
//   - After Close nothing blocks and nothing panics.
package tracertest

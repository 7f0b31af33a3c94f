// Package tracer opens an opentracing.Tracer from configuration: the Zipkin bridge, a log, memory, or noop.
//
// One recording path serves every backend but noop. A span of ours gathers what is said about it until Finish, and is
// then replayed through the Zipkin bridge (zipkin-go-opentracing over zipkin-go), completed with what the bridge has
// no place for, and handed to the sinks. That is why these hold whatever the backend:
//
//   - Sampling is decided first: a trace that is not recorded costs one small allocation a span.
//   - Tags count until Finish: span.kind, peer.* and error too. error=false is never sent.
//   - A span is sent once, however often it is finished, and nothing said after Finish changes it.
//   - Traces come in as B3, W3C Trace Context or Jaeger headers, and go out in any combination of them.
//   - No backend ever fails, or holds up, the code that is traced.
//
// # Propagation
//
// Config.Propagation names the headers that are sent; by default those of W3C (traceparent, tracestate) and B3's X-B3-…
// Whatever is sent, all are read, in this order: b3, the X-B3 headers, traceparent, uber-trace-id. B3 goes first because it
// alone can leave the decision open. The ids come from the first that is there and well formed. A later one about the same
// trace adds what an earlier one could not say: acceptance where B3 left the decision open, debug where traceparent has no
// place for it, and the tracestate. A decision without ids ("b3: 0") goes with the ids of the next.
//
//   - Deny, accept, debug and no decision are kept on the way through. traceparent and uber-trace-id cannot leave a decision
//     open, and say no; that concerns only who injects an extracted context itself, since a span's context is always decided.
//     Where only W3C is sent, debug is the member b3 of tracestate.
//   - Ids of 64 bits have zeros before them in traceparent; ids whose upper half is zero have 64 bits.
//   - A span never shares its id with the caller's. A caller that expects it to, as B3 allows, gets a server span below its own.
//   - tracestate goes on as it came in, up to 4 KiB, without tabs. What is malformed, or has more than 32 members, is dropped.
//   - A malformed header is passed over and counted, and nothing of it is sent on. Extract returns ErrSpanContextCorrupted if
//     there is nothing else, ErrSpanContextNotFound if there is nothing at all; a span without a parent begins a new trace.
//   - Names of headers are read in any case. Headers that are lists, tracestate and baggage, may be repeated; of the states
//     X-B3-Sampled and X-B3-Flags the first counts; any other header that comes twice with two values is malformed.
//   - A binary carrier has the same headers behind their length; Extract reads no further than that.
//
// Baggage travels as the header of W3C Baggage, with or without a trace and whether or not anybody records it, with its
// properties until the item is set anew. Items of Jaeger (uberctx-), Brave (baggage-) and OpenTracing's own tracers
// (ot-baggage-) are read too; W3C's go before them. Keys are tokens of RFC 9110. What Config does not allow, or has no place
// for, is dropped where it comes in or is set, and counted.
package tracer

// Package tracer opens an opentracing.Tracer from configuration. It tells the truth whatever the backend, holds nobody up,
// and loses no span that it can keep.
//
//	c := tracer.DefaultConfig()
//	c.Backend, c.ServiceName = "zipkin", "orders"
//	tr, closer, err := tracer.Open(ctx, c)
//	…
//	defer closer.Close() // sends what is left
//
// Config.Backend is one of these, or several of them with commas, of which one that is down costs the others nothing:
//
//	zipkin  Zipkin's collectors, over HTTP, Kafka or RabbitMQ, as protobuf or JSON
//	otlp    OpenTelemetry's protocol, over gRPC or HTTP: Jaeger, Tempo, any collector
//	file    Zipkin's v2 JSON, one span a line, in a file that is rotated
//	log     one line of log/slog a span
//	memory  a Memory, which keeps the latest 10,000
//	noop    nothing at all: opentracing.NoopTracer
//
// WithSink adds a destination of one's own, WithBackend a whole tracer; tracertest.Run is the suite that all of these pass.
// Config.RegisterFlags has a flag for every setting. Nothing here sets the global tracer.
//
// # Recording
//
// One path serves every backend but noop. A span of ours gathers what is said about it until Finish, is then replayed
// through the Zipkin bridge (zipkin-go-opentracing over zipkin-go), completed with what the bridge has no place for, and
// handed to the sinks. That is why these hold for all of them:
//
//   - Sampling is decided first: a trace that is not recorded costs one small allocation a span. A share is decided by trace
//     id as OpenTelemetry's SDK does, so that all services agree. sampling.priority 0 switches a span off at any time; above
//     0 it is recorded for debugging, unless it was started as one that is not.
//   - Tags count until Finish: span.kind, peer.* of any integer or text type, and error too. error=false is never sent;
//     error=true goes with the message of the error that was logged.
//   - A span is sent once, however often it is finished, and nothing said after Finish changes it. The first ChildOf of ours
//     is its parent, else the first FollowsFrom, with a tag opentracing.ref_type=follows_from.
//   - A log record is one annotation with its fields in order. Lazy fields are evaluated when they are logged.
//   - A SERVER span directly within a SERVER span of this process that nothing finishes, as go-kit's TraceServer within its
//     GRPCToContext, takes the outer one's place in the trace. It waits up to a second for the outer one's Finish, as long as
//     no more than 10,000 are waited for, and no longer than Close.
//   - A name has 1 KiB at most, a tag's key 256 bytes, its value 4 KiB, and so has a log record; a span has 128 tags and 128
//     records. What is beyond is cut, or left out. Text is made valid UTF-8. A time before 1970 or from 2262 on is now; a
//     span that ends before it begins lasts 1 µs, and is counted.
//   - No backend ever fails, or holds up, the code that is traced. After Close nothing arrives any more.
//
// # Delivery
//
// Between spans and a destination that is sent to stands a queue of package delivery: bounded (Config.Delivery.QueueBytes),
// retried with backoff, flushed by Close within Config.FlushTimeout, and on disk with Config.Delivery.Spool, so that a
// process that is killed while the destination is down loses no more than the last 100 ms. WithMetrics reads what has become
// of every span: Added = Sent + Queued + Spooled + Dropped at every moment, the latter by reason. The sinks log and memory,
// and reporters of one's own, have none of that but the counters.
//
// # From the bare bridge
//
// Where there was
//
//	native, err := zipkin.NewTracer(zipkinhttp.NewReporter(url), zipkin.WithLocalEndpoint(endpoint))
//	tr := zipkinot.Wrap(native)
//
// there is now
//
//	c := tracer.DefaultConfig(); c.Backend, c.ServiceName, c.Zipkin.URL = "zipkin", "orders", url
//	tr, closer, err := tracer.Open(ctx, c)
//
// and the rest of the service stays, go-kit's opentracing options included. Ids have 128 bits (Config.TraceIDBits), and a
// server's span has an id of its own below the client's.
//
// # Beside OpenTelemetry
//
// What OpenTelemetry instruments and what calls Open are in one trace without any setting: traceparent, tracestate and
// baggage are sent and read. The backend otlp puts spans where theirs are; OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES,
// OTEL_TRACES_SAMPLER, OTEL_PROPAGATORS and OTEL_EXPORTER_OTLP_… are defaults below one's own settings (http/json is no
// protocol of ours, and refused). Peers are network.peer.* and peer.service there, unless a tag of that name is set; a native
// Zipkin server's shared span id has no place in OTLP, so zipkin.WithSharedSpans(false) there.
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

// Package tracer opens an [opentracing.Tracer] from configuration. Spans are reported identically
// by every backend, tracing never blocks the caller, and spans are buffered and retried until they
// are delivered.
//
//	c := tracer.DefaultConfig()
//	c.Backend, c.ServiceName = "zipkin", "orders"
//	tr, closer, err := tracer.Open(ctx, c)
//	// …
//	defer closer.Close() // sends queued spans
//
// # Backends
//
// [Config.Backend] names a backend, or is a comma-separated list; a backend that is down does not
// affect the others. These are always linked:
//
//	zipkin  Zipkin's collectors over HTTP, as protobuf or JSON
//	file    Zipkin's v2 JSON, one span a line, in a file that is rotated
//	log     one line of log/slog for each span
//	memory  a Memory, which holds the newest 10,000 spans
//	noop    opentracing.NoopTracer, which records nothing
//
// Others are linked only into programs that import their packages, and are options of [Open]:
//
//	tracer/otlp      the backend otlp: OpenTelemetry's protocol over gRPC or HTTP
//	tracer/kafka     a way to Zipkin's collectors, by way of Kafka
//	tracer/rabbitmq  a way to Zipkin's collectors, by way of RabbitMQ
//	tracer/all       all of these in one Config
//
// A backend of a third party is a [Backend] too. It delivers over the queue, by a function that
// encodes a span and one that sends a batch ([Settings.Queue]), or over a reporter of zipkin-go
// ([Settings.Reporter]). It has flags, checks, retries, a spool and counters like the others.
// [WithTracer] adds a complete tracer of another implementation. Package tracertest has the test
// suite that all backends pass.
//
// [Config.RegisterFlags] defines a flag for every setting except Address and Resource, and
// [Config.ReadEnvironment] reads OpenTelemetry's variables. Package tracer never sets the global
// tracer.
//
// # Recording
//
// All backends but noop share one path. A span collects what is set on it until Finish. It is then
// replayed through the Zipkin bridge (zipkin-go-opentracing over zipkin-go), completed with what
// the bridge cannot express, and handed to the backends. The following holds for all of them.
//
//   - Sampling is decided first: an unsampled span costs one small allocation. A share is decided
//     by trace id, as in OpenTelemetry's SDK, so that all services agree. The tag sampling.priority
//     0 disables a span at any time; a positive priority records the span and asks the collector to
//     keep it, unless the span started unsampled.
//   - Tags may be set until Finish, including span.kind, error and peer.*, with any integer type or
//     text. error=false is never sent. error=true is sent as the message of the last logged error,
//     which is error.object, error, error.message, or the message of a record with event=error.
//   - A value is rendered when it is set, and pointers are followed to their value. Methods of a
//     value may use its span, and may panic. A value that contains itself is rendered as its type.
//   - A span is sent once. Calls after the first Finish do not change it. Its parent is the first
//     ChildOf reference to a context of this package, else the first FollowsFrom; the latter adds
//     the tag opentracing.ref_type=follows_from. The other references are links in OTLP, and the
//     tag opentracing.references elsewhere.
//   - A log record is one annotation with its fields in order. Lazy fields are evaluated when they
//     are logged.
//   - Every parent of this process that a span names is reported before Close returns. A span whose
//     owner never finishes it is replaced by its only child if both are SERVER spans, such as
//     go-kit's TraceServer below GRPCToContext. The child gets the tags and log records of both,
//     and its report is delayed by up to 1 s. Other unfinished spans with reported children are
//     reported after the end of their request, or at Close, then with the tag unfinished.
//   - Close logs the number of unfinished spans, and the name and age of the oldest one. At most
//     16,384 unfinished spans are listed. The oldest of those with children are reported early.
//   - A name has at most 1 KiB, a tag's key 256 bytes, and a tag's value or a log record 4 KiB. A
//     span has at most 128 tags, 128 links and 128 log records. The excess is truncated or omitted.
//     Of the log records, the oldest and the newest 64 are kept, and the tag
//     otel.dropped_events_count has the number of the others. Invalid UTF-8 is replaced.
//   - A time before 1970 or after April 11, 2262 is replaced by the current time. A span lasts at
//     least 1 µs. A span whose time was replaced, or that ends before it starts, is counted.
//   - Backends never fail or block the traced code. A span that finishes after Close is dropped.
//
// # Delivery
//
// A queue of package delivery precedes every destination except log, memory and reporters. It is
// bounded ([DeliveryConfig.QueueBytes]), retries with backoff, and is flushed by Close within
// [Config.FlushTimeout]. With [DeliveryConfig.Spool] it also writes to disk: a process that is
// killed while the destination is down loses at most the spans of the last
// [DeliveryConfig.SpoolSync], 100 ms by default. [WithMetrics] reads the counters: Added = Sent +
// Queued + Spooled + Dropped holds at every moment. Package tracer/prometheus exports them.
//
// The way to each destination has these properties:
//
//   - An attempt ends with its time limit, which -zipkin-timeout and -otlp-timeout bound. Two
//     time-outs in a row double the limit, and replace a connection that no longer answers.
//   - Redirects are not followed, so credentials are sent only to the hosts in the settings, to a
//     proxy that the environment names, and to the other brokers of a Kafka cluster.
//   - Files of certificates and keys are read again when they change. If the new ones are not
//     usable, the previous ones stay in force, and the log says so once.
//   - An error has the first 200 bytes of what the destination answered, without secrets.
//
// # Settings
//
// Every setting is checked, whether or not its backend is selected. Only the selected backends may
// require a setting that is empty by default, such as -file-path. An error about a flag's setting
// is one line, "-flag value: must be …". Secrets are never shown: not in errors, logs or the output
// of package flag.
//
// Variables of OpenTelemetry and Jaeger are no settings of this package alone, so a value that it
// does not support is a warning and ignored, and the rest applies ([Config.ReadEnvironment]). Those
// for one backend are checked if that backend is selected.
//
// # Migration from the bare bridge
//
// Replace
//
//	reporter := zipkinhttp.NewReporter(url)
//	native, err := zipkin.NewTracer(reporter, zipkin.WithLocalEndpoint(endpoint))
//	tr := zipkinot.Wrap(native)
//
// with
//
//	c := tracer.DefaultConfig()
//	c.Backend, c.ServiceName, c.Zipkin.URL = "zipkin", "orders", url
//	tr, closer, err := tracer.Open(ctx, c)
//
// The rest of the service stays, including go-kit's opentracing options. Trace ids have 128 bits
// ([Config.TraceIDBits]), and a server's span has its own id below the client's.
//
// # OpenTelemetry
//
// Services with this package and services with OpenTelemetry take part in the same traces without
// any setting: traceparent, tracestate and baggage are sent and read. The backend otlp sends spans
// to the same collectors. A native Zipkin server that shares its client's span id cannot be
// expressed in OTLP; set zipkin.WithSharedSpans(false) there.
//
// # Propagation
//
// [PropagationConfig] names the header formats that are sent, by default those of W3C (traceparent,
// tracestate) and B3's X-B3-… headers. All formats are read, in this order: b3, X-B3-…,
// traceparent, grpc-trace-bin (OpenCensus), uber-trace-id. B3 comes first because it alone can
// express an undecided state. The ids are those of the first format that is present and well
// formed. A later format about the same trace adds what the earlier one could not express:
// acceptance where B3 is undecided, debug where traceparent has no field for it, and the
// tracestate. A decision without ids ("b3: 0") applies to the ids of the next format.
//
//   - Deny, accept, debug and undecided are preserved from Extract to Inject. traceparent and
//     uber-trace-id cannot express an undecided state; it is sent as not sampled. This concerns
//     only code that injects an extracted context itself: the context of a span is always decided.
//     If only W3C is sent, debug is the member b3 of tracestate.
//   - Ids of 64 bits are padded with zeros in traceparent. An id whose upper half is zero has 64
//     bits.
//   - A span never shares its id with the caller's span. If the caller expects it to, as B3 allows,
//     the server's span is a child of the caller's.
//   - A malformed header is skipped and counted, and never passed on. Extract returns
//     [opentracing.ErrSpanContextCorrupted] if there are only malformed headers, and
//     [opentracing.ErrSpanContextNotFound] if there are none. A span without a parent begins a
//     trace.
//   - A part that cannot be read costs what it states, and the header is counted as malformed. If
//     it is the parent id, or X-B3-Sampled, the rest applies. If it is the span id ("undefined",
//     zeros, too long), the trace id and the decision apply if no other format has the ids of a
//     span: a new span is then a root of that trace, because its parent is unknown. Inject cannot
//     express such a context and sends the decision alone. traceparent is the exception: W3C
//     demands a new trace.
//   - traceparent and tracestate follow W3C Trace Context, level 2. The random flag is set for a
//     trace that begins here, stays as it is in a trace that traceparent names, and is not set
//     otherwise. Other flags are sent as zero.
//   - tracestate is passed on as received, up to 4 KiB, without tabs. A malformed member, and one
//     that repeats a key, are left out; the first of equal keys stays. A tracestate with more than
//     32 members is dropped.
//   - jaeger-debug-id begins a trace that is recorded with debug, whatever the sampler is, unless
//     another header names a trace or denies it. The first span has the text as a tag.
//   - Header names are case-insensitive. tracestate, baggage and jaeger-baggage are lists and may
//     be repeated. Of X-B3-Sampled, X-B3-Flags and jaeger-debug-id the first value counts. Any
//     other header that occurs twice with different values is malformed.
//   - A binary carrier holds the same headers, preceded by their length. Extract reads no further.
//   - Extract copies nothing before the limits apply. It reads at most 64 KiB and 1,024 values of a
//     list, and 512 bytes of a header with ids, whatever the carrier has.
//
// A proxy may know only one of the formats and pass the other on as it was. The headers then name
// one trace and different spans, and the span that was written last is the parent, with its
// decision. It is the one whose header names the other span as its parent. Otherwise a mark tells:
// in the span ids of a tracer that sends several formats, the last byte is a checksum. If one of
// the two ids has the mark, the caller sent it in both formats, and the proxy wrote the other one.
// An id of a proxy has the mark by chance in one of 256 calls. If the mark does not tell, which
// concerns callers of another make, a span that has no parent according to X-B3-… or uber-trace-id
// is the root of the trace and the older one. Without evidence the order of the formats decides. A
// member of tracestate would be evidence too, and would cost one more header in every call.
//
// # Baggage
//
// Baggage is sent in the header of W3C Baggage, with or without a trace, sampled or not. What was
// received and is not set again is sent as it was received, byte for byte, with its properties, its
// order and its white space; an item that is set comes last. Only tabs and empty members are left
// out. A malformed member is dropped and counted, and the others stay. A percent sign that encodes
// nothing stands for itself. Of several members with one key the last one gives the item's value.
//
// jaeger-baggage and the prefixes uberctx- (Jaeger), baggage- (Brave) and ot-baggage-
// (OpenTracing's basic tracers) are read too; the W3C header takes precedence. Keys are tokens of
// RFC 9110. Items that the configuration refuses are dropped when they arrive or are set, and
// counted. The limits apply to the whole header. If it is longer, members that fit are kept from
// its beginning; of headers with a prefix, those with the first keys are.
package tracer

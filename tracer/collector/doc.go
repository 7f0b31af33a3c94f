// Package collector receives spans over HTTP, keeps them in memory and serves a page that shows
// them. A program can have a collector in its own process:
//
//	c, err := collector.New(collector.DefaultConfig())
//	…
//	server := &http.Server{Addr: "127.0.0.1:9411", Handler: c}
//
// Any tracer that sends to Zipkin (v2, JSON or protobuf) or by OTLP over HTTP (port and path:
// http://127.0.0.1:9411/v1/traces) can send to it. Package otlpgrpc adds OTLP over gRPC. The
// command bookcollector is a collector alone.
//
// # Zipkin's API
//
// The answers are those of Zipkin 3.6.1: status, headers and body, errors included. A test compares
// them with the real one; what differs on purpose is listed in testdata/differences.txt. Other
// differences:
//
//   - A body that is too large is answered by 413. Zipkin answers 500.
//   - What a compressed body unfolds to is bounded.
//   - An answer with U+2028 or U+2029 is complete; Zipkin's ends in NUL bytes.
//   - The collector does not compress its answers to its own page in a local browser.
//   - Posts are accepted below /zipkin too.
//   - Spans are stored before the answer.
//   - A capital sigma at the end of a word is lowered as Zipkin does only after letters.
//
// Paths below /api/ are below /zipkin/api/ too. Zipkin's gRPC service and spans of Zipkin's first
// format are not supported; the latter are refused by an error that says so.
//
// # OTLP
//
// Spans of OTLP become Zipkin's by the OpenTelemetry specification ("OpenTelemetry to Zipkin
// Transformation"). Attributes of the resource and the instrumentation scope become tags, links the
// tags otlp.link.N, and the trace state the tag w3c.tracestate, as in OpenTelemetry's collector.
// Spans without valid ids are rejected by a partial success. A span without an end time is open.
//
// # What the page asks
//
//   - GET /api/v2/summaries: {"summaries":[…],"more":bool,"seq":n}, the trace that changed last
//     first. The parameters are those of /traces, and text=, error=true, tag=key or key=value
//     (repeated) and before=seq of the last summary, for the next page. The default limit is 100.
//     Without endTs and lookback, the time is no condition. A summary has the fields traceId,
//     rootService, rootName, timestamp, duration, spans, errors, open, missing, services and seq.
//   - GET /api/v2/events?since=seq: server-sent events with the names summary, evicted, losses,
//     cleared and gap. A trace that changes often is sent at most ten times a second. The id of an
//     event, as Last-Event-ID or since, continues a stream. After gap the client must read the
//     summaries anew.
//   - GET /api/v2/losses: what senders have lost ([LossesHeader]), what the collector has evicted
//     and refused since its start, and the start of its oldest trace. A body that is refused counts
//     as one span, because the number of its spans is unknown.
//   - GET /api/v2/durations?service=S&name=N&kind=K: percentiles (nearest rank) and a histogram.
//   - GET /api/v2/running: open spans, longest first. A span is open if a piece of it has a
//     timestamp and none has a duration.
//   - POST /api/v2/clear forgets all traces. Pages of other origins may not do it.
//
// # Bounds
//
// [Config.MaxBytes] bounds the memory for spans. Beyond it, the traces that have not changed for
// longest are removed, whole, and counted. A trace of more than half of the memory is removed
// before them. Bodies are bounded before and after decompression. Names
// of a service and values of a tag are bounded to 10,000, senders of losses to 1,000.
//
// A request is answered only if its Host is an IP address, localhost or one of [Config.Hosts]. This
// defends what the collector's own page asks against DNS rebinding. By default, pages of all
// origins may read Zipkin's API, as with Zipkin. An empty [Config.AllowOrigin] prevents that.
package collector

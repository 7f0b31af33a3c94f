// Package tracer opens an opentracing.Tracer from configuration: the Zipkin bridge, a log, memory, or noop.
//
// One recording path serves every backend but noop. A span of ours gathers what is said about it until Finish, and is
// then replayed through the Zipkin bridge (zipkin-go-opentracing over zipkin-go), completed with what the bridge has
// no place for, and handed to the sinks. That is why these hold whatever the backend:
//
//   - Sampling is decided first: a trace that is not recorded costs one small allocation a span.
//   - Tags count until Finish: span.kind, peer.* and error too. error=false is never sent.
//   - A span is sent once, however often it is finished, and nothing said after Finish changes it.
//   - Traces come in as B3 (b3 or X-B3 headers) or W3C traceparent, and go out as traceparent and X-B3 headers.
//   - No backend ever fails, or holds up, the code that is traced.
package tracer

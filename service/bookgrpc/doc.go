// Package bookgrpc is the gRPC transport of the book service. [NewServer] makes a gRPC service from
// endpoints, and [NewClient] makes endpoints from a connection.
//
// Business errors are the same on both sides: an error that is [service.ErrNotFound] on the server
// is [service.ErrNotFound] with the same message on the client. [Status] documents how errors are
// converted to gRPC status codes.
//
// A call has one span on each side: kind CLIENT from NewClient and kind SERVER from NewServer. The
// client's span is the parent of the server's. Both are named after the method, such as
// "book.BookService/GetBookInfo". Their tags follow OpenTelemetry's semantic conventions for RPC.
// The server's span has the tag error only if the server failed; the conventions list the status
// codes. The client's span has it if the call returned neither a result nor a business error and
// the caller did not cancel it. If the call is one of several attempts (see [WithAttempt]), both
// spans have the number of attempts before it as previous-rpc-attempts, as in gRFC A72. With a nil
// tracer or [opentracing.NoopTracer] there are no spans.
package bookgrpc

import "github.com/opentracing/opentracing-go"

const (
	serviceName = "book.BookService"
	methodInfo  = "GetBookInfo"
	methodList  = "GetBookList"
)

// isNoop reports whether tracer records no spans.
func isNoop(tracer opentracing.Tracer) bool {
	_, noop := tracer.(opentracing.NoopTracer)
	return noop || tracer == nil
}

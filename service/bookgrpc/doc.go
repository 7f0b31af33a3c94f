// Package bookgrpc is the book service over gRPC, both ways: [NewServer] puts endpoints behind the generated service, and
// [NewClient] makes endpoints of a connection.
//
// Errors cross the wire whole: what the server's service returns as [service.ErrNotFound] is that error at the client
// too, with the same message. status.go has the table.
//
// A call has one span on each side, both named after the method ("book.BookService/GetBookInfo"): kind CLIENT from
// NewClient, kind SERVER from NewServer, the one the other's parent. Their tags are OpenTelemetry's for RPC. The tag error
// is there only when the server is at fault (OpenTelemetry's RPC conventions have the list of codes) or, at the client,
// when the call brought no answer. With [opentracing.NoopTracer] nothing of this is installed.
package bookgrpc

import "github.com/opentracing/opentracing-go"

const (
	serviceName = "book.BookService"
	methodInfo  = "GetBookInfo"
	methodList  = "GetBookList"
)

// untraced reports whether there is nothing to trace for.
func untraced(tracer opentracing.Tracer) bool {
	_, noop := tracer.(opentracing.NoopTracer)
	return noop || tracer == nil
}

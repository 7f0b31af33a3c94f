package faults

import (
	"context"
	"io"
	"slices"
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"

	"bookservice/tracer"
)

// A Sender sends spans to a collector. [Ours] returns one; others implement Open.
type Sender struct {
	Name string
	// Open opens the sender, also while the collector is down. url is the collector's address
	// without a path: it accepts Zipkin's v2 API at url + "/api/v2/spans" and OTLP at url +
	// "/v1/traces". spool is the path of a folder where the sender may keep spans for the next
	// Open; it is empty unless the fault has a restart.
	Open func(ctx context.Context, url, spool string) (Session, error)
}

// A Session is an open [Sender]. Only one goroutine at a time calls its methods.
type Session interface {
	// Finish starts and finishes a server's span with this name and with the tags that [Tags]
	// returns.
	Finish(name string)
	// Close sends queued spans, within [FlushTimeout] if the sender has a limit. It is called once,
	// after the last Finish. [Run] returns its error in [Result].
	Close() error
}

// FlushTimeout limits how long closing a sender takes. It is the default of package tracer.
const FlushTimeout = 5 * time.Second

// Tags returns the tags of each span, as keys with their values.
func Tags() [][2]string { return slices.Clone(tags) }

// tags are the tags of each span.
var tags = [][2]string{
	{"rpc.system", "grpc"}, {"rpc.service", "book.BookService"}, {"rpc.method", "GetBookInfo"},
	{"rpc.grpc.status_code", "0"}, {"http.user_agent", "grpc-go/1.85.0"},
	{"net.peer.name", "books.example.com"},
}

// Ours returns the tracer of this module with its defaults, except for the flush timeout. It has a
// spool if the fault has a restart.
func Ours(flush time.Duration, opts ...tracer.Option) Sender {
	open := func(ctx context.Context, url, spool string) (Session, error) {
		c := tracer.DefaultConfig()
		c.Backend, c.ServiceName, c.FlushTimeout = "zipkin", "books", flush
		c.Zipkin.URL, c.Delivery.Spool = url+"/api/v2/spans", spool
		tr, closer, err := tracer.Open(ctx, c, opts...)
		return ours{tr, closer}, err
	}
	return Sender{"bookservice/tracer", open}
}

type ours struct {
	tracer opentracing.Tracer
	closer io.Closer
}

// Finish implements [Session].
func (o ours) Finish(name string) {
	s := o.tracer.StartSpan(name, ext.SpanKindRPCServer)
	for _, t := range tags {
		s.SetTag(t[0], t[1])
	}
	s.Finish()
}

// Close implements [Session].
func (o ours) Close() error { return o.closer.Close() }

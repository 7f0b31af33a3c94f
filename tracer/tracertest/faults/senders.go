package faults

import (
	"context"
	"errors"
	"io"
	"log"
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	"github.com/openzipkin/zipkin-go"
	"github.com/openzipkin/zipkin-go/model"
	zipkinreporter "github.com/openzipkin/zipkin-go/reporter"
	zipkinhttp "github.com/openzipkin/zipkin-go/reporter/http"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"bookservice/tracer"
)

// A Sender sends spans to a collector.
type Sender struct {
	Name string
	open func(ctx context.Context, url, spool string) (session, error)
}

// A session is an open sender.
type session interface {
	// finish starts and finishes a span.
	finish(name string)
	// close sends queued spans, within the flush timeout if the sender has one.
	close() error
}

// FlushTimeout limits how long closing a sender takes. It is the default of package tracer.
const FlushTimeout = 5 * time.Second

// tags are the tags of each span.
var tags = [][2]string{
	{"rpc.system", "grpc"}, {"rpc.service", "book.BookService"}, {"rpc.method", "GetBookInfo"},
	{"rpc.grpc.status_code", "0"}, {"http.user_agent", "grpc-go/1.85.0"},
	{"net.peer.name", "books.example.com"},
}

// Ours returns the tracer of this module with its defaults, except for the flush timeout. It has a
// spool if the fault has a restart.
func Ours(flush time.Duration, opts ...tracer.Option) Sender {
	open := func(ctx context.Context, url, spool string) (session, error) {
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

func (o ours) finish(name string) {
	s := o.tracer.StartSpan(name, ext.SpanKindRPCServer)
	for _, t := range tags {
		s.SetTag(t[0], t[1])
	}
	s.Finish()
}

func (o ours) close() error { return o.closer.Close() }

// ZipkinGo returns zipkin-go with its HTTP reporter.
func ZipkinGo() Sender {
	open := func(_ context.Context, url, _ string) (session, error) {
		quiet := zipkinhttp.Logger(log.New(io.Discard, "", 0))
		r := zipkinhttp.NewReporter(url+"/api/v2/spans", quiet)
		tr, err := zipkin.NewTracer(r)
		return zipkinGo{tr, r}, err
	}
	return Sender{"zipkin-go reporter", open}
}

type zipkinGo struct {
	tracer   *zipkin.Tracer
	reporter zipkinreporter.Reporter
}

func (z zipkinGo) finish(name string) {
	s := z.tracer.StartSpan(name, zipkin.Kind(model.Server))
	for _, t := range tags {
		s.Tag(t[0], t[1])
	}
	s.Finish()
}

// close abandons a Close that takes longer than any fault lasts, because zipkin-go has no limit.
func (z zipkinGo) close() error {
	closed := make(chan error, 1)
	go func() { closed <- z.reporter.Close() }()
	select {
	case err := <-closed:
		return err
	case <-time.After(6 * FlushTimeout):
		return errors.New("zipkin-go: Close has not returned")
	}
}

// OpenTelemetry returns OpenTelemetry's SDK with its batch span processor and its exporter of OTLP
// over HTTP.
func OpenTelemetry() Sender {
	open := func(ctx context.Context, url, _ string) (session, error) {
		endpoint := otlptracehttp.WithEndpointURL(url + "/v1/traces")
		exporter, err := otlptracehttp.New(ctx, endpoint)
		if err != nil {
			return nil, err
		}
		provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(quiet{exporter}))
		return otel{provider, provider.Tracer("books")}, nil
	}
	return Sender{"OpenTelemetry batcher", open}
}

// quiet hides the exporter's errors from the global handler, which only logs them.
type quiet struct{ sdktrace.SpanExporter }

// ExportSpans implements [sdktrace.SpanExporter].
func (q quiet) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	_ = q.SpanExporter.ExportSpans(ctx, spans)
	return nil
}

type otel struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
}

func (o otel) finish(name string) {
	_, s := o.tracer.Start(context.Background(), name, trace.WithSpanKind(trace.SpanKindServer))
	for _, t := range tags {
		s.SetAttributes(attribute.String(t[0], t[1]))
	}
	s.End()
}

func (o otel) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), FlushTimeout)
	defer cancel()
	return o.provider.Shutdown(ctx)
}

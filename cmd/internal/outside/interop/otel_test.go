package interop_test

import (
	"context"
	"encoding/binary"
	"testing"

	"github.com/openzipkin/zipkin-go/model"
	"github.com/openzipkin/zipkin-go/reporter"
	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"bookservice/api/book"
)

// An otelParty is a gRPC service that OpenTelemetry instruments as its documentation describes.
type otelParty struct{ provider *sdktrace.TracerProvider }

func openOTel(t *testing.T, c collector, service string) party {
	t.Helper()
	return openOTelWith(t, c, service)
}

func openOTelWith(
	t *testing.T, c collector, service string, opts ...sdktrace.TracerProviderOption,
) party {
	t.Helper()
	own := []sdktrace.TracerProviderOption{
		sdktrace.WithBatcher(c.exporter(t)),
		sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", service))),
	}
	return otelParty{sdktrace.NewTracerProvider(append(own, opts...)...)}
}

func (p otelParty) options() []otelgrpc.Option {
	propagator := propagation.NewCompositeTextMapPropagator(
		propagation.TraceContext{}, propagation.Baggage{})
	return []otelgrpc.Option{
		otelgrpc.WithTracerProvider(p.provider), otelgrpc.WithPropagators(propagator),
	}
}

func (p otelParty) server(answer callFunc) *grpc.Server {
	srv := grpc.NewServer(grpc.StatsHandler(otelgrpc.NewServerHandler(p.options()...)))
	book.RegisterBookServiceServer(srv, plainServer{answer: answer})
	return srv
}

func (p otelParty) client(t *testing.T, addr string) callFunc {
	t.Helper()
	conn, err := grpc.NewClient(addr,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithStatsHandler(otelgrpc.NewClientHandler(p.options()...)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	books := book.NewBookServiceClient(conn)
	return func(ctx context.Context, id int32) (string, error) {
		info, err := books.GetBookInfo(ctx, &book.BookInfoParams{BookId: id})
		return info.GetBookName(), err
	}
}

func (p otelParty) root(ctx context.Context) (context.Context, string, func()) {
	ctx, s := p.provider.Tracer("interop").Start(ctx, "root")
	return ctx, s.SpanContext().TraceID().String(), func() { s.End() }
}

func (p otelParty) close(ctx context.Context) error { return p.provider.Shutdown(ctx) }

// A plainServer is the book service without go-kit.
type plainServer struct {
	book.UnimplementedBookServiceServer
	answer callFunc
}

// GetBookInfo implements [book.BookServiceServer].
func (s plainServer) GetBookInfo(
	ctx context.Context, in *book.BookInfoParams,
) (*book.BookInfo, error) {
	name, err := s.answer(ctx, in.GetBookId())
	return &book.BookInfo{BookId: in.GetBookId(), BookName: name}, err
}

// A zipkinExporter sends the properties that the tests compare to Zipkin. It replaces the Zipkin
// exporter of OpenTelemetry, which is deprecated.
type zipkinExporter struct{ to reporter.Reporter }

// ExportSpans implements [sdktrace.SpanExporter].
func (e zipkinExporter) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	for _, s := range spans {
		e.to.Send(otelToZipkin(s))
	}
	return nil
}

// Shutdown implements [sdktrace.SpanExporter].
func (e zipkinExporter) Shutdown(context.Context) error { return e.to.Close() }

func otelToZipkin(s sdktrace.ReadOnlySpan) model.SpanModel {
	sampled := true
	traceID, service := s.SpanContext().TraceID(), ""
	if name, ok := s.Resource().Set().Value("service.name"); ok {
		service = name.AsString()
	}
	m := model.SpanModel{
		SpanContext: model.SpanContext{
			TraceID: model.TraceID{
				High: binary.BigEndian.Uint64(traceID[:8]),
				Low:  binary.BigEndian.Uint64(traceID[8:]),
			},
			ID:      spanID(s.SpanContext()),
			Sampled: &sampled,
		},
		Name:          s.Name(),
		Kind:          otelKinds[s.SpanKind()],
		Timestamp:     s.StartTime(),
		Duration:      s.EndTime().Sub(s.StartTime()),
		LocalEndpoint: &model.Endpoint{ServiceName: service},
	}
	if s.Parent().HasSpanID() {
		parent := spanID(s.Parent())
		m.ParentID = &parent
	}
	if s.Status().Code == codes.Error {
		m.Tags = map[string]string{"error": s.Status().Description}
	}
	return m
}

func spanID(c trace.SpanContext) model.ID {
	id := c.SpanID()
	return model.ID(binary.BigEndian.Uint64(id[:]))
}

var otelKinds = map[trace.SpanKind]model.Kind{
	trace.SpanKindClient: model.Client, trace.SpanKindServer: model.Server,
}

package interop_test

import (
	"context"
	"encoding/binary"
	"testing"

	"bookservice/api/book"

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
)

// An otelParty is a plain gRPC service, instrumented by OpenTelemetry as its documentation says.
type otelParty struct{ provider *sdktrace.TracerProvider }

func openOTel(t *testing.T, c collector, name string, opts ...sdktrace.TracerProviderOption) party {
	t.Helper()
	own := []sdktrace.TracerProviderOption{sdktrace.WithBatcher(c.exporter(t)),
		sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", name)))}
	return otelParty{sdktrace.NewTracerProvider(append(own, opts...)...)}
}

func (p otelParty) options() []otelgrpc.Option {
	return []otelgrpc.Option{otelgrpc.WithTracerProvider(p.provider),
		otelgrpc.WithPropagators(propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}))}
}

type plainServer struct {
	book.UnimplementedBookServiceServer
	answer ask
}

// GetBookInfo implements the book service.
func (s plainServer) GetBookInfo(ctx context.Context, in *book.BookInfoParams) (*book.BookInfo, error) {
	name, err := s.answer(ctx, in.GetBookId())
	return &book.BookInfo{BookId: in.GetBookId(), BookName: name}, err
}

func (p otelParty) server(answer ask) *grpc.Server {
	srv := grpc.NewServer(grpc.StatsHandler(otelgrpc.NewServerHandler(p.options()...)))
	book.RegisterBookServiceServer(srv, plainServer{answer: answer})
	return srv
}

func (p otelParty) client(t *testing.T, addr string) ask {
	t.Helper()
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithStatsHandler(otelgrpc.NewClientHandler(p.options()...)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return func(ctx context.Context, id int32) (string, error) {
		info, err := book.NewBookServiceClient(conn).GetBookInfo(ctx, &book.BookInfoParams{BookId: id})
		return info.GetBookName(), err
	}
}

func (p otelParty) root(ctx context.Context) (context.Context, string, func()) {
	ctx, s := p.provider.Tracer("interop").Start(ctx, "root")
	return ctx, s.SpanContext().TraceID().String(), func() { s.End() }
}

func (p otelParty) close(ctx context.Context) error { return p.provider.Shutdown(ctx) }

// A zipkinExporter stands in for OpenTelemetry's own, which is deprecated and about to be removed: it sends on what is
// compared here.
type zipkinExporter struct{ to reporter.Reporter }

// ExportSpans implements sdktrace.SpanExporter.
func (e zipkinExporter) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	for _, s := range spans {
		e.to.Send(otelToZipkin(s))
	}
	return nil
}

// Shutdown implements sdktrace.SpanExporter.
func (e zipkinExporter) Shutdown(context.Context) error { return e.to.Close() }

func otelToZipkin(s sdktrace.ReadOnlySpan) model.SpanModel {
	sampled := true
	trace, span := s.SpanContext().TraceID(), s.SpanContext().SpanID()
	service, _ := s.Resource().Set().Value("service.name")
	m := model.SpanModel{
		SpanContext: model.SpanContext{
			TraceID: model.TraceID{High: binary.BigEndian.Uint64(trace[:8]), Low: binary.BigEndian.Uint64(trace[8:])},
			ID:      model.ID(binary.BigEndian.Uint64(span[:])), Sampled: &sampled,
		},
		Name: s.Name(), Kind: otelKinds[s.SpanKind()], Timestamp: s.StartTime(), Duration: s.EndTime().Sub(s.StartTime()),
		LocalEndpoint: &model.Endpoint{ServiceName: service.AsString()},
	}
	if s.Parent().HasSpanID() {
		above := s.Parent().SpanID()
		id := model.ID(binary.BigEndian.Uint64(above[:]))
		m.ParentID = &id
	}
	if s.Status().Code == codes.Error {
		m.Tags = map[string]string{"error": s.Status().Description}
	}
	return m
}

var otelKinds = map[trace.SpanKind]model.Kind{trace.SpanKindClient: model.Client, trace.SpanKindServer: model.Server}

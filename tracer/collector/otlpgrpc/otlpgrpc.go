// Package otlpgrpc receives spans by OTLP over gRPC for a collector. It is a package of its own, so
// that a program with package collector links gRPC only if it asks for it.
package otlpgrpc

import (
	"context"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip" // a compression that OTLP's senders use
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"bookservice/tracer/collector"
)

// Register makes the server receive spans for the collector.
func Register(server grpc.ServiceRegistrar, c *collector.Collector) {
	coltracepb.RegisterTraceServiceServer(server, &service{collector: c})
}

type service struct {
	coltracepb.UnimplementedTraceServiceServer

	collector *collector.Collector
}

// Export implements the protocol.
func (s *service) Export(
	ctx context.Context, in *coltracepb.ExportTraceServiceRequest,
) (*coltracepb.ExportTraceServiceResponse, error) {
	if md, ok := metadata.FromIncomingContext(ctx); ok {
		for _, value := range md.Get(collector.LossesHeader) {
			s.collector.ReportLosses(value)
		}
	}
	rejected := s.collector.AddOTLP(in.GetResourceSpans(), proto.Size(in))
	out := &coltracepb.ExportTraceServiceResponse{}
	if rejected > 0 {
		out.PartialSuccess = &coltracepb.ExportTracePartialSuccess{
			RejectedSpans: int64(rejected), ErrorMessage: "spans without valid ids",
		}
	}
	return out, nil
}

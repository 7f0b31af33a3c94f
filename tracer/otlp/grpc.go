package otlp

import (
	"context"
	"net"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"bookservice/tracer/delivery"
)

// userAgent identifies the exporter to the collector (OTLP specification: User-Agent).
const userAgent = "bookservice-tracer-OTLP"

// A grpcClient exports over gRPC.
type grpcClient struct {
	conn    *grpc.ClientConn
	service coltracepb.TraceServiceClient
	headers metadata.MD
}

func dialGRPC(to connection) (client, error) {
	creds := insecure.NewCredentials()
	if to.url.Scheme == "https" {
		creds = credentials.NewTLS(to.tls)
	}
	opts := []grpc.DialOption{
		grpc.WithTransportCredentials(creds),
		grpc.WithUserAgent(userAgent),
		grpc.WithDisableServiceConfig(), // the queue retries, not gRPC
	}
	if to.gzip {
		opts = append(opts, grpc.WithDefaultCallOptions(grpc.UseCompressor(gzip.Name)))
	}
	conn, err := grpc.NewClient(target(to), opts...)
	if err != nil {
		return nil, err
	}
	return &grpcClient{conn, coltracepb.NewTraceServiceClient(conn), metadata.New(to.headers)}, nil
}

// target returns host:port. Without a port it is the default port of the scheme.
func target(to connection) string {
	if to.url.Port() != "" {
		return to.url.Host
	}
	port := "80"
	if to.url.Scheme == "https" {
		port = "443"
	}
	return net.JoinHostPort(to.url.Hostname(), port)
}

// export sends the request as the unknown fields of an empty message, which protobuf encodes as
// they are.
func (c *grpcClient) export(
	ctx context.Context, request []byte,
) (*coltracepb.ExportTraceServiceResponse, error) {
	message := &coltracepb.ExportTraceServiceRequest{}
	message.ProtoReflect().SetUnknown(request)
	if len(c.headers) > 0 {
		ctx = metadata.NewOutgoingContext(ctx, c.headers)
	}
	response, err := c.service.Export(ctx, message)
	return response, grpcError(status.Convert(err))
}

func (c *grpcClient) close() { _ = c.conn.Close() }

// grpcError returns what a status means for the batch, nil for OK (OpenTelemetry Protocol
// Specification: failures).
func grpcError(st *status.Status) error {
	if st.Code() == codes.OK {
		return nil
	}
	e := &delivery.SendError{Kind: delivery.Drop, Err: st.Err()}
	retryInfo := false
	for _, detail := range st.Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			e.After, retryInfo = info.GetRetryDelay().AsDuration(), true
		}
	}
	switch st.Code() {
	case codes.Canceled, codes.DeadlineExceeded, codes.Aborted, codes.OutOfRange,
		codes.Unavailable, codes.DataLoss:
		e.Kind = delivery.Retry
	case codes.ResourceExhausted:
		if retryInfo {
			e.Kind = delivery.Retry
		}
	case codes.InvalidArgument:
		e.Kind = delivery.Bisect
	case codes.Unauthenticated, codes.PermissionDenied, codes.Unimplemented:
		e.Kind = delivery.RetryAfterFix
	}
	return e
}

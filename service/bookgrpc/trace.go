package bookgrpc

import (
	"context"
	"log/slog"

	"bookservice/service/bookendpoint"

	"github.com/go-kit/kit/endpoint"
	kitot "github.com/go-kit/kit/tracing/opentracing"
	grpctransport "github.com/go-kit/kit/transport/grpc"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
)

// The spans' tags: OpenTelemetry's names for RPC, OpenTracing's for the peer.
const (
	tagSystem      = "rpc.system"
	tagService     = "rpc.service"
	tagMethod      = "rpc.method"
	tagStatusCode  = "rpc.grpc.status_code"
	tagPeerService = "peer.service"
	tagPeerAddress = "peer.address"

	systemGRPC = "grpc"
)

func operation(method string) string { return serviceName + "/" + method }

// traceServer returns what starts and finishes a call's SERVER span. Starting and finishing are both the transport's:
// the endpoint must not be wrapped in kitot.TraceServer as well, which would start a child and leave its parent, the span
// that the client knows, unfinished.
func traceServer(tracer opentracing.Tracer, method string, logger *slog.Logger) []grpctransport.ServerOption {
	if untraced(tracer) {
		return nil
	}
	kit := bookendpoint.KitLogger(logger, slog.LevelDebug, "trace headers not understood")
	return []grpctransport.ServerOption{
		grpctransport.ServerBefore(kitot.GRPCToContext(tracer, operation(method), kit), tagServerSpan(method)),
		grpctransport.ServerFinalizer(finishServerSpan),
	}
}

func tagServerSpan(method string) grpctransport.ServerRequestFunc {
	boxed := any(method) // once, and not in every call
	return func(ctx context.Context, _ metadata.MD) context.Context {
		span := opentracing.SpanFromContext(ctx)
		span.SetTag(tagSystem, systemGRPC)
		span.SetTag(tagService, serviceName)
		span.SetTag(tagMethod, boxed)
		if p, ok := peer.FromContext(ctx); ok && p.Addr != nil {
			span.SetTag(tagPeerAddress, p.Addr) // as it is: only a tracer that records it need format it
		}
		return ctx
	}
}

func finishServerSpan(ctx context.Context, err error) {
	span := opentracing.SpanFromContext(ctx)
	code := Status(err).Code()
	span.SetTag(tagStatusCode, int(code))
	if serverFault(code) {
		ext.LogError(span, err)
	}
	span.Finish()
}

// traceClient returns a middleware that gives each call a CLIENT span, and what puts its id into the call's metadata.
func traceClient(tracer opentracing.Tracer, method string, o clientOptions) (endpoint.Middleware,
	[]grpctransport.ClientOption) {
	if untraced(tracer) {
		return endpoint.Chain(answer), nil
	}
	tags := opentracing.Tags{
		tagSystem:      systemGRPC,
		tagService:     serviceName,
		tagMethod:      method,
		tagPeerService: o.peerService,
		tagPeerAddress: o.peerAddress,
	}
	// What is an answer is a response by now, and no error of the span.
	span := kitot.TraceClient(tracer, operation(method), kitot.WithTags(tags), kitot.WithIgnoreBusinessError(true))
	kit := bookendpoint.KitLogger(o.logger, slog.LevelDebug, "trace headers not sent")
	return endpoint.Chain(span, answer, tagStatus), []grpctransport.ClientOption{
		grpctransport.ClientBefore(kitot.ContextToGRPC(tracer, kit)),
	}
}

// tagStatus puts the call's code on the span that traceClient has put into the context.
func tagStatus(next endpoint.Endpoint) endpoint.Endpoint {
	return func(ctx context.Context, request any) (any, error) {
		response, err := next(ctx, request)
		opentracing.SpanFromContext(ctx).SetTag(tagStatusCode, int(status.Code(err)))
		return response, err
	}
}

package bookgrpc

import (
	"context"
	"log/slog"

	"github.com/go-kit/kit/endpoint"
	kitot "github.com/go-kit/kit/tracing/opentracing"
	grpctransport "github.com/go-kit/kit/transport/grpc"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"bookservice/service/internal/kitlog"
)

// Tags of the spans. The names of rpc tags are OpenTelemetry's, those of peer tags OpenTracing's.
// OpenTelemetry has no name for the number of previous attempts; gRPC's own spans (gRFC A72) have
// this one. The other attempt tags are ours.
const (
	tagSystem      = "rpc.system"
	tagService     = "rpc.service"
	tagMethod      = "rpc.method"
	tagStatusCode  = "rpc.grpc.status_code"
	tagPeerService = "peer.service"
	tagPeerAddress = "peer.address"

	tagPreviousAttempts = "previous-rpc-attempts"
	tagHedge            = "attempt.hedge"
	tagCancelled        = "attempt.cancelled"

	systemGRPC = "grpc"
)

func operationName(method string) string { return serviceName + "/" + method }

// traceServer returns the options that start and finish a call's SERVER span. The endpoint must not
// also be wrapped in [kitot.TraceServer]: it starts a child of the span in the context, and the
// parent, which the client refers to, would never finish.
func traceServer(tracer opentracing.Tracer, method string,
	logger *slog.Logger) []grpctransport.ServerOption {
	if isNoop(tracer) {
		return nil
	}
	kit := kitlog.New(logger, slog.LevelDebug, "cannot read trace headers")
	startSpan := kitot.GRPCToContext(tracer, operationName(method), kit)
	return []grpctransport.ServerOption{
		grpctransport.ServerBefore(startSpan, tagServerSpan(method)),
		grpctransport.ServerFinalizer(finishServerSpan),
	}
}

func tagServerSpan(method string) grpctransport.ServerRequestFunc {
	methodValue := any(method) // converted once, because the conversion allocates
	return func(ctx context.Context, md metadata.MD) context.Context {
		span := opentracing.SpanFromContext(ctx)
		span.SetTag(tagSystem, systemGRPC)
		span.SetTag(tagService, serviceName)
		span.SetTag(tagMethod, methodValue)
		if p, ok := peer.FromContext(ctx); ok && p.Addr != nil {
			span.SetTag(tagPeerAddress, p.Addr) // formatted by the tracer if it records the span
		}
		tagPreviousOf(span, md)
		return ctx
	}
}

func finishServerSpan(ctx context.Context, err error) {
	span := opentracing.SpanFromContext(ctx)
	code := Status(err).Code()
	span.SetTag(tagStatusCode, int(code))
	if isServerFault(code) {
		ext.LogError(span, err)
	}
	span.Finish()
}

// traceClient returns a middleware that starts and finishes a call's CLIENT span, and the options
// that propagate the span in the call's metadata.
func traceClient(tracer opentracing.Tracer, method string,
	o clientOptions) (endpoint.Middleware, []grpctransport.ClientOption) {
	send := grpctransport.ClientBefore(sendPreviousAttempts)
	if isNoop(tracer) {
		return endpoint.Chain(liftBusinessErrors, replaceCancellation),
			[]grpctransport.ClientOption{send}
	}
	tags := opentracing.Tags{
		tagSystem:      systemGRPC,
		tagService:     serviceName,
		tagMethod:      method,
		tagPeerService: o.peerService,
		tagPeerAddress: o.peerAddress,
	}
	// liftBusinessErrors moves business errors into the response. They are no errors of the span.
	withSpan := kitot.TraceClient(tracer, operationName(method),
		kitot.WithTags(tags), kitot.WithIgnoreBusinessError(true))
	kit := kitlog.New(o.logger, slog.LevelDebug, "cannot write trace headers")
	inject := grpctransport.ClientBefore(kitot.ContextToGRPC(tracer, kit))
	return endpoint.Chain(withSpan, liftBusinessErrors, tagClientSpan, replaceCancellation),
		[]grpctransport.ClientOption{inject, send}
}

// tagClientSpan adds the call's status code and the attempt's tags to the CLIENT span in the
// context.
func tagClientSpan(next endpoint.Endpoint) endpoint.Endpoint {
	return func(ctx context.Context, request any) (any, error) {
		response, err := next(ctx, request)
		span := opentracing.SpanFromContext(ctx)
		span.SetTag(tagStatusCode, int(status.Code(err)))
		tagAttempt(span, attemptOf(ctx), err)
		return response, err
	}
}

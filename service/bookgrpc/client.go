package bookgrpc

import (
	"context"
	"errors"
	"log/slog"
	"strings"

	"github.com/go-kit/kit/endpoint"
	grpctransport "github.com/go-kit/kit/transport/grpc"
	"github.com/opentracing/opentracing-go"
	"google.golang.org/grpc"

	"bookservice/api/book"
	"bookservice/service/bookendpoint"
)

// A ClientOption configures [NewClient].
type ClientOption func(*clientOptions)

type clientOptions struct {
	peerService string
	peerAddress string
	logger      *slog.Logger
}

// WithPeerService sets the tag peer.service of the client's spans: the server's name. The default
// is "bookserver".
func WithPeerService(name string) ClientOption {
	return func(o *clientOptions) { o.peerService = name }
}

// WithPeerAddress sets the tag peer.address of the client's spans: the server's host:port. The
// default is the target of the connection without its scheme.
func WithPeerAddress(addr string) ClientOption {
	return func(o *clientOptions) { o.peerAddress = addr }
}

// WithClientLogger sets the logger for errors of the tracer, which are logged at debug level. The
// default is [slog.Default] at the time of the call to [NewClient]. A nil logger discards all
// records.
func WithClientLogger(logger *slog.Logger) ClientOption {
	return func(o *clientOptions) { o.logger = logger }
}

// NewClient returns endpoints that call the service over conn. Each call has a CLIENT span of
// tracer, a child of the span in the call's context.
//
// Each error is an [*Error]. Two kinds of error are part of the response, because the call itself
// has not failed: business errors (see [bookendpoint.IsBusiness]), and the cancellation of the
// call's own context. NewClient does not take ownership of conn; the caller closes it.
func NewClient(conn *grpc.ClientConn, tracer opentracing.Tracer,
	opts ...ClientOption) bookendpoint.Set {
	target := conn.Target()
	o := clientOptions{
		peerService: "bookserver",
		peerAddress: target[strings.LastIndexByte(target, '/')+1:],
		logger:      slog.Default(),
	}
	for _, opt := range opts {
		opt(&o)
	}
	traceInfo, infoOptions := traceClient(tracer, methodInfo, o)
	traceList, listOptions := traceClient(tracer, methodList, o)
	info := grpctransport.NewClient(conn, serviceName, methodInfo,
		encodeInfoRequest, decodeInfoResponse, book.BookInfo{}, infoOptions...)
	list := grpctransport.NewClient(conn, serviceName, methodList,
		encodeListRequest, decodeListResponse, book.BookList{}, listOptions...)
	return bookendpoint.Set{Info: traceInfo(info.Endpoint()), List: traceList(list.Endpoint())}
}

// liftBusinessErrors converts a call's error to an [*Error]. It moves business errors and the
// caller's own cancellation into the response.
func liftBusinessErrors(next endpoint.Endpoint) endpoint.Endpoint {
	return func(ctx context.Context, request any) (any, error) {
		response, err := next(ctx, request)
		if err == nil {
			return response, nil
		}
		if _, ok := errors.AsType[*Error](err); !ok { // replaceCancellation returns one
			err = FromStatus(err)
		}
		cancelled := errors.Is(err, context.Canceled) && ctx.Err() == context.Canceled
		if !bookendpoint.IsBusiness(err) && !cancelled {
			return nil, err
		}
		if _, ok := request.(bookendpoint.ListRequest); ok {
			return bookendpoint.ListResponse{Err: err}, nil
		}
		return bookendpoint.InfoResponse{Err: err}, nil
	}
}

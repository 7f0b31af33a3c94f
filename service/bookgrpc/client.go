package bookgrpc

import (
	"context"
	"errors"
	"log/slog"
	"strings"

	"bookservice/api/book"
	"bookservice/service/bookendpoint"

	"github.com/go-kit/kit/endpoint"
	grpctransport "github.com/go-kit/kit/transport/grpc"
	"github.com/opentracing/opentracing-go"
	"google.golang.org/grpc"
)

// A ClientOption changes what [NewClient] makes.
type ClientOption func(*clientOptions)

type clientOptions struct {
	peerService string
	peerAddress string
	logger      *slog.Logger
}

// WithPeerService sets the server's name on the client's spans (the tag peer.service). The default is "bookserver".
func WithPeerService(name string) ClientOption {
	return func(o *clientOptions) { o.peerService = name }
}

// WithPeerAddress sets the server's host:port on the client's spans (the tag peer.address). The default is the
// connection's target without its scheme.
func WithPeerAddress(addr string) ClientOption {
	return func(o *clientOptions) { o.peerAddress = addr }
}

// WithClientLogger sets where faults of the tracer are logged, at debug level. The default is nowhere.
func WithClientLogger(logger *slog.Logger) ClientOption {
	return func(o *clientOptions) { o.logger = logger }
}

// NewClient returns endpoints that call the service at the other end of conn, each call in a CLIENT span of tracer, a
// child of the span in the call's context. Every error they return is an [*Error]. Business errors, and the cancellation
// that the caller itself asked for, are in the response instead: they are no failure of the call. The connection stays
// the caller's to close.
func NewClient(conn *grpc.ClientConn, tracer opentracing.Tracer, opts ...ClientOption) bookendpoint.Set {
	target := conn.Target()
	o := clientOptions{
		peerService: "bookserver",
		peerAddress: target[strings.LastIndexByte(target, '/')+1:],
		logger:      slog.New(slog.DiscardHandler),
	}
	for _, opt := range opts {
		opt(&o)
	}
	traceInfo, infoOptions := traceClient(tracer, methodInfo, o)
	traceList, listOptions := traceClient(tracer, methodList, o)
	return bookendpoint.Set{
		Info: traceInfo(grpctransport.NewClient(conn, serviceName, methodInfo, encodeInfoRequest, decodeInfoResponse,
			book.BookInfo{}, infoOptions...).Endpoint()),
		List: traceList(grpctransport.NewClient(conn, serviceName, methodList, encodeListRequest, decodeListResponse,
			book.BookList{}, listOptions...).Endpoint()),
	}
}

// answer turns a call's error into an *Error, and moves it into the response when it is an answer.
func answer(next endpoint.Endpoint) endpoint.Endpoint {
	return func(ctx context.Context, request any) (any, error) {
		response, err := next(ctx, request)
		if err == nil {
			return response, nil
		}
		err = FromStatus(err)
		if !bookendpoint.IsBusiness(err) && !(errors.Is(err, context.Canceled) && ctx.Err() == context.Canceled) {
			return nil, err
		}
		if _, ok := request.(bookendpoint.ListRequest); ok {
			return bookendpoint.ListResponse{Err: err}, nil
		}
		return bookendpoint.InfoResponse{Err: err}, nil
	}
}

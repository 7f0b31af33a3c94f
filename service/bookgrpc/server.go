package bookgrpc

import (
	"context"
	"errors"
	"log/slog"

	"bookservice/api/book"
	"bookservice/service/bookendpoint"

	"github.com/go-kit/kit/transport"
	grpctransport "github.com/go-kit/kit/transport/grpc"
	"github.com/opentracing/opentracing-go"
)

type server struct {
	book.UnimplementedBookServiceServer
	info, list grpctransport.Handler
}

// NewServer returns the gRPC service that answers by set, to be registered with [Register]. Each call has a SERVER span
// of tracer, which is in the context of set's endpoints and is finished when they are done. An error that is the server's
// fault is logged with that context, once, and the client is told no more of it than its code: see [Status]. Other errors
// are the client's to see, and not logged. The options come after the service's own.
func NewServer(set bookendpoint.Set, tracer opentracing.Tracer, logger *slog.Logger,
	opts ...grpctransport.ServerOption) book.BookServiceServer {
	options := func(method string) []grpctransport.ServerOption {
		own := append(traceServer(tracer, method, logger), grpctransport.ServerErrorHandler(logFaults(logger, method)))
		return append(own, opts...)
	}
	return &server{
		info: grpctransport.NewServer(set.Info, decodeInfoRequest, encodeInfoResponse, options(methodInfo)...),
		list: grpctransport.NewServer(set.List, decodeListRequest, encodeListResponse, options(methodList)...),
	}
}

func (s *server) GetBookInfo(ctx context.Context, params *book.BookInfoParams) (*book.BookInfo, error) {
	_, response, err := s.info.ServeGRPC(ctx, params)
	if err != nil {
		return nil, Status(err).Err()
	}
	return response.(*book.BookInfo), nil
}

func (s *server) GetBookList(ctx context.Context, params *book.BookListParams) (*book.BookList, error) {
	_, response, err := s.list.ServeGRPC(ctx, params)
	if err != nil {
		return nil, Status(err).Err()
	}
	return response.(*book.BookList), nil
}

func logFaults(logger *slog.Logger, method string) transport.ErrorHandler {
	return transport.ErrorHandlerFunc(func(ctx context.Context, err error) {
		if code := Status(err).Code(); serverFault(code) && !expected(err) {
			logger.ErrorContext(ctx, "call failed", "method", method, "code", code.String(), "error", err)
		}
	})
}

// expected errors are logged where they were made, or are what the configuration asks for.
func expected(err error) bool {
	return errors.Is(err, bookendpoint.ErrInternal) || errors.Is(err, bookendpoint.ErrTooLate)
}

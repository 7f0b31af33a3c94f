package bookgrpc

import (
	"context"
	"errors"
	"log/slog"

	"github.com/go-kit/kit/transport"
	grpctransport "github.com/go-kit/kit/transport/grpc"
	"github.com/opentracing/opentracing-go"

	"bookservice/api/book"
	"bookservice/service/bookendpoint"
	"bookservice/service/internal/kitlog"
)

type server struct {
	book.UnimplementedBookServiceServer
	info, list grpctransport.Handler
}

// NewServer returns a gRPC service that calls the endpoints of set; see [Register].
//
// Each call has a SERVER span of tracer. The span is in the context of the endpoints and finishes
// after them. An error that is the server's fault is logged once, at error level and with this
// context; the client receives only what [Status] returns. Other errors are not logged. A nil
// logger discards all records.
//
// If an error has a method RetryAfter() [time.Duration], the client receives the delay as the
// status detail google.rpc.RetryInfo and as the trailer grpc-retry-pushback-ms (gRFC A6). If the
// delay is negative, the client must not make another attempt: the trailer is -1, and there is no
// RetryInfo.
//
// opts are applied after the options of NewServer itself.
func NewServer(set bookendpoint.Set, tracer opentracing.Tracer, logger *slog.Logger,
	opts ...grpctransport.ServerOption) book.BookServiceServer {
	options := func(method string) []grpctransport.ServerOption {
		own := append(traceServer(tracer, method, logger),
			grpctransport.ServerErrorHandler(logServerFaults(logger, method)))
		return append(own, opts...)
	}
	return &server{
		info: grpctransport.NewServer(set.Info, decodeInfoRequest, encodeInfoResponse,
			options(methodInfo)...),
		list: grpctransport.NewServer(set.List, decodeListRequest, encodeListResponse,
			options(methodList)...),
	}
}

// GetBookInfo implements [book.BookServiceServer].
func (s *server) GetBookInfo(ctx context.Context,
	params *book.BookInfoParams) (*book.BookInfo, error) {
	_, response, err := s.info.ServeGRPC(ctx, params)
	if err != nil {
		return nil, fail(ctx, err)
	}
	return response.(*book.BookInfo), nil
}

// GetBookList implements [book.BookServiceServer].
func (s *server) GetBookList(ctx context.Context,
	params *book.BookListParams) (*book.BookList, error) {
	_, response, err := s.list.ServeGRPC(ctx, params)
	if err != nil {
		return nil, fail(ctx, err)
	}
	return response.(*book.BookList), nil
}

// logServerFaults returns an error handler that logs the errors that are the server's fault.
func logServerFaults(logger *slog.Logger, method string) transport.ErrorHandler {
	logger = kitlog.OrDiscard(logger)
	return transport.ErrorHandlerFunc(func(ctx context.Context, err error) {
		if code := Status(err).Code(); isServerFault(code) && !isReported(err) {
			logger.ErrorContext(ctx, "call failed",
				"method", method, "code", code.String(), "error", err)
		}
	})
}

// isReported reports whether err must not be logged: its origin has logged it, or the rate limit
// has caused it.
func isReported(err error) bool {
	return errors.Is(err, bookendpoint.ErrInternal) || errors.Is(err, bookendpoint.ErrTooLate)
}

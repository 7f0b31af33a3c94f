package bookgrpc_test

import (
	"context"
	"net/http"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"bookservice/api/book"
	"bookservice/service/bookgrpc"
	"bookservice/tracer/tracertest/testkit"
)

// An HTTP server that is no gRPC server has executed no method. Its statuses that gateways send for
// calls that may have been executed do not show this.
func TestAnswersWithoutGRPCAreNotServed(t *testing.T) {
	for httpStatus, want := range map[int]struct {
		code      codes.Code
		notServed bool
	}{
		200: {codes.Unknown, true},
		302: {codes.Unknown, true},
		400: {codes.Internal, true},
		401: {codes.Unauthenticated, true},
		403: {codes.PermissionDenied, true},
		404: {codes.Unimplemented, true},
		405: {codes.Unknown, true},
		429: {codes.Unavailable, false},
		500: {codes.Unknown, false},
		502: {codes.Unavailable, false},
		503: {codes.Unavailable, false},
		504: {codes.Unavailable, false},
	} {
		conn := dialWeb(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(httpStatus)
		}))
		_, err := bookgrpc.NewClient(conn, nil).BookInfo(t.Context(), 1)
		if status.Code(err) != want.code || bookgrpc.NotServed(err) != want.notServed {
			t.Errorf("%d: have %v, not served: %t, want %v and %t",
				httpStatus, err, bookgrpc.NotServed(err), want.code, want.notServed)
		}
		if again := bookgrpc.Wrap(err, "again"); bookgrpc.NotServed(again) != want.notServed {
			t.Errorf("%d: a wrapped error differs", httpStatus)
		}
	}
}

// refusing is a server whose calls fail with err, after the header was sent or without one.
type refusing struct {
	book.UnimplementedBookServiceServer
	err    error
	header bool
}

func (r refusing) GetBookInfo(ctx context.Context, _ *book.BookInfoParams) (*book.BookInfo, error) {
	if r.header {
		if err := grpc.SendHeader(ctx, metadata.Pairs("a", "b")); err != nil {
			return nil, err
		}
	}
	return nil, r.err
}

// What a gRPC server answers is served, unless it is Unimplemented, also if the message is the one
// that gRPC has for HTTP.
func TestAnswersOfGRPCAreServed(t *testing.T) {
	for _, header := range []bool{false, true} {
		for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
			conn := serveBook(t, refusing{header: header, err: status.Error(code,
				"unexpected HTTP status code received from server: 404 (Not Found)")})
			_, err := bookgrpc.NewClient(conn, nil).BookInfo(t.Context(), 1)
			want := code == codes.Unimplemented
			if status.Code(err) != code || bookgrpc.NotServed(err) != want {
				t.Errorf("%v, header: %t: have %v, not served: %t, want %t",
					code, header, err, bookgrpc.NotServed(err), want)
			}
		}
	}
}

// dialWeb returns a connection to an HTTP/2 server in this process.
func dialWeb(t *testing.T, handler http.Handler) *grpc.ClientConn {
	t.Helper()
	conn, err := bookgrpc.Dial(testkit.ServeHTTP2(t, handler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

package bookgrpc_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"bookservice/api/book"
	"bookservice/service"
	"bookservice/service/bookendpoint"
	"bookservice/service/bookgrpc"

	"github.com/opentracing/opentracing-go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// carrier claims a status as its own.
type carrier struct{ st *status.Status }

func (c carrier) Error() string              { return "carrier" }
func (c carrier) GRPCStatus() *status.Status { return c.st }

var statusTests = []struct {
	name    string
	err     error
	code    codes.Code
	message string
	is      error // at our client
	logged  string
}{
	{"not found", service.NotFound(99), codes.NotFound, "book 99: not found", service.ErrNotFound, ""},
	{"not found, wrapped", fmt.Errorf("shelf 7: %w", service.NotFound(99)), codes.NotFound, "shelf 7: book 99: not found",
		service.ErrNotFound, ""},
	{"invalid argument", service.CheckID(-3), codes.InvalidArgument, "book_id -3: must be 1 or more",
		service.ErrInvalidArgument, ""},
	{"rate limit", bookendpoint.ErrLimited, codes.ResourceExhausted, "rate limit exceeded", bookendpoint.ErrLimited, ""},
	{"too late", bookendpoint.ErrTooLate, codes.DeadlineExceeded,
		"rate limit: its turn comes too late: context deadline exceeded", context.DeadlineExceeded, ""},
	{"deadline", fmt.Errorf("query 10.1.2.3: %w", context.DeadlineExceeded), codes.DeadlineExceeded,
		"context deadline exceeded", context.DeadlineExceeded, "query 10.1.2.3"},
	{"cancelled", fmt.Errorf("query 10.1.2.3: %w", context.Canceled), codes.Canceled, "context canceled",
		context.Canceled, ""},
	{"unknown", errors.New("10.1.2.3: password swordfish refused"), codes.Internal, "internal error",
		bookendpoint.ErrInternal, "swordfish"},
	{"logged before", bookendpoint.ErrInternal, codes.Internal, "internal error", bookendpoint.ErrInternal, ""},
	{"has a status", fmt.Errorf("secret: %w", status.Error(codes.Unavailable, "store away")), codes.Unavailable,
		"store away", nil, "secret"},
	{"has a status of no fault", status.Error(codes.PermissionDenied, "no"), codes.PermissionDenied, "no", nil, ""},
	{"claims to be OK", carrier{status.New(codes.OK, "fine")}, codes.Internal, "internal error", bookendpoint.ErrInternal,
		"carrier"},
	{"claims to have a status", carrier{nil}, codes.Internal, "internal error", bookendpoint.ErrInternal, "carrier"},
}

// What a client sees that shares no code with the server but the .proto file.
func TestCodesAsAForeignClientSeesThem(t *testing.T) {
	for _, tt := range statusTests {
		t.Run(tt.name, func(t *testing.T) {
			conn, log := serve(t, failing(tt.err), opentracing.NoopTracer{})
			foreign := book.NewBookServiceClient(conn)
			_, infoErr := foreign.GetBookInfo(t.Context(), &book.BookInfoParams{BookId: 1})
			_, listErr := foreign.GetBookList(t.Context(), &book.BookListParams{})
			for _, err := range []error{infoErr, listErr} {
				if have := status.Convert(err); have.Code() != tt.code || have.Message() != tt.message {
					t.Errorf("have %v %q, want %v %q", have.Code(), have.Message(), tt.code, tt.message)
				}
			}
			checkLog(t, log.String(), tt.logged)
		})
	}
}

// checkLog wants one line for each of the two methods that has the text, or none at all.
func checkLog(t *testing.T, log, text string) {
	t.Helper()
	want := 2
	if text == "" {
		want = 0
	}
	have := strings.Count(log, "level=ERROR")
	if have != want || have != strings.Count(log, "\n") || !strings.Contains(log, text) {
		t.Errorf("have %d errors in the log, want %d with %q:\n%s", have, want, text, log)
	}
}

func TestErrorsAreTheSameOnBothSides(t *testing.T) {
	for _, tt := range statusTests {
		t.Run(tt.name, func(t *testing.T) {
			conn, _ := serve(t, failing(tt.err), opentracing.NoopTracer{})
			client := bookgrpc.NewClient(conn, opentracing.NoopTracer{})
			_, infoErr := client.BookInfo(t.Context(), 1)
			_, listErr := client.BookList(t.Context(), 1, 1)
			for _, err := range []error{infoErr, listErr} {
				if err == nil || err.Error() != tt.message || status.Code(err) != tt.code {
					t.Errorf("have %v with code %v, want %q with %v", err, status.Code(err), tt.message, tt.code)
				}
				if tt.is != nil && !errors.Is(err, tt.is) {
					t.Errorf("errors.Is(%v, %v): have false", err, tt.is)
				}
			}
		})
	}
}

func TestWithStatus(t *testing.T) {
	sentinel := errors.New("nobody there")
	err := bookgrpc.WithStatus(codes.Unavailable, fmt.Errorf("call: %w", sentinel))
	if status.Code(err) != codes.Unavailable || !errors.Is(err, sentinel) || err.Error() != "call: nobody there" {
		t.Errorf("have %v with code %v", err, status.Code(err))
	}
}

func TestFromStatus(t *testing.T) {
	tests := []struct {
		name string
		err  error
		code codes.Code
		text string
	}{
		{"no message", status.Error(codes.Aborted, ""), codes.Aborted, "Aborted"},
		{"context", context.Canceled, codes.Canceled, "context canceled"},
		{"plain", errors.New("plain"), codes.Unknown, "plain"},
	}
	for _, tt := range tests {
		err := bookgrpc.FromStatus(tt.err)
		if status.Code(err) != tt.code || err.Error() != tt.text {
			t.Errorf("%s: have %v with code %v, want %q with %v", tt.name, err, status.Code(err), tt.text, tt.code)
		}
	}
	if err := bookgrpc.FromStatus(nil); err != nil {
		t.Errorf("nil: have %v", err)
	}
	if st := bookgrpc.Status(nil); st != nil {
		t.Errorf("Status(nil): have %v", st)
	}
}

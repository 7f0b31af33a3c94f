package bookgrpc_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/mocktracer"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"bookservice/api/book"
	"bookservice/service"
	"bookservice/service/bookendpoint"
	"bookservice/service/bookgrpc"
	"bookservice/tracer/tracertest/testkit"
)

// carriedError is an error with a status of its own.
type carriedError struct{ st *status.Status }

func (c carriedError) Error() string              { return "carrier" }
func (c carriedError) GRPCStatus() *status.Status { return c.st }

var statusTests = []struct {
	name    string
	err     error
	code    codes.Code
	message string
	is      error  // wrapped by the client's error; nil for none
	logged  string // text of the server's log record; empty for no record
}{
	{"not found", service.NotFound(99), codes.NotFound, "book 99: not found",
		service.ErrNotFound, ""},
	{"not found, wrapped", fmt.Errorf("shelf 7: %w", service.NotFound(99)), codes.NotFound,
		"shelf 7: book 99: not found", service.ErrNotFound, ""},
	{"invalid argument", service.CheckID(-3), codes.InvalidArgument,
		"book_id -3: must be 1 or more", service.ErrInvalidArgument, ""},
	{"rate limit", bookendpoint.ErrLimited, codes.ResourceExhausted,
		bookendpoint.ErrLimited.Error(), bookendpoint.ErrLimited, ""},
	{"too late", bookendpoint.ErrTooLate, codes.DeadlineExceeded,
		"rate limit: delay exceeds the deadline: " + context.DeadlineExceeded.Error(),
		context.DeadlineExceeded, ""},
	{"deadline", fmt.Errorf("query 10.1.2.3: %w", context.DeadlineExceeded),
		codes.DeadlineExceeded, context.DeadlineExceeded.Error(), context.DeadlineExceeded,
		"query 10.1.2.3"},
	{"cancelled", fmt.Errorf("query 10.1.2.3: %w", context.Canceled), codes.Canceled,
		context.Canceled.Error(), context.Canceled, ""},
	{"other", errors.New("10.1.2.3: password swordfish refused"), codes.Internal,
		"internal error", bookendpoint.ErrInternal, "swordfish"},
	{"internal", bookendpoint.ErrInternal, codes.Internal, "internal error",
		bookendpoint.ErrInternal, ""},
	{"own status", fmt.Errorf("secret: %w", status.Error(codes.Unavailable, "store away")),
		codes.Unavailable, "store away", nil, "secret"},
	{"own status, client's fault", status.Error(codes.PermissionDenied, "no"),
		codes.PermissionDenied, "no", nil, ""},
	{"own status OK", carriedError{status.New(codes.OK, "fine")}, codes.Internal,
		"internal error", bookendpoint.ErrInternal, "carrier"},
	{"own status nil", carriedError{nil}, codes.Internal, "internal error",
		bookendpoint.ErrInternal, "carrier"},
}

// The foreign client shares only the .proto file with the server.
func TestCodesAsAForeignClientSeesThem(t *testing.T) {
	for _, tt := range statusTests {
		t.Run(tt.name, func(t *testing.T) {
			conn, log := serve(t, failing(tt.err), opentracing.NoopTracer{})
			foreign := book.NewBookServiceClient(conn)
			_, infoErr := foreign.GetBookInfo(t.Context(), &book.BookInfoParams{BookId: 1})
			_, listErr := foreign.GetBookList(t.Context(), &book.BookListParams{})
			for _, err := range []error{infoErr, listErr} {
				have := status.Convert(err)
				if have.Code() != tt.code || have.Message() != tt.message {
					t.Errorf("have %v %q, want %v %q",
						have.Code(), have.Message(), tt.code, tt.message)
				}
			}
			checkLog(t, log.String(), tt.logged)
		})
	}
}

// checkLog checks that the log has one error record with the text for each of the two methods. If
// the text is empty, it checks that the log is empty.
func checkLog(t *testing.T, log, text string) {
	t.Helper()
	want := 2
	if text == "" {
		want = 0
	}
	have := strings.Count(log, "level=ERROR")
	if have != want || have != strings.Count(log, "\n") || !strings.Contains(log, text) {
		t.Errorf("log: have %d errors, want %d with %q:\n%s", have, want, text, log)
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
					t.Errorf("have %v with code %v, want %q with %v",
						err, status.Code(err), tt.message, tt.code)
				}
				if tt.is != nil && !errors.Is(err, tt.is) {
					t.Errorf("errors.Is(%v, %v): have false", err, tt.is)
				}
			}
		})
	}
}

// Business errors are part of the response of the client's endpoints. Other errors are not.
func TestClientLiftsBusinessErrors(t *testing.T) {
	for _, tt := range statusTests {
		t.Run(tt.name, func(t *testing.T) {
			conn, _ := serve(t, failing(tt.err), opentracing.NoopTracer{})
			client := bookgrpc.NewClient(conn, opentracing.NoopTracer{})
			info, infoErr := client.Info(t.Context(), bookendpoint.InfoRequest{ID: 1})
			list, listErr := client.List(t.Context(), bookendpoint.ListRequest{})
			if bookendpoint.IsBusiness(tt.err) {
				infoResponse, infoOK := info.(bookendpoint.InfoResponse)
				listResponse, listOK := list.(bookendpoint.ListResponse)
				if infoErr != nil || listErr != nil || !infoOK || !listOK ||
					!errors.Is(infoResponse.Err, tt.is) || !errors.Is(listResponse.Err, tt.is) {
					t.Errorf("have %v, %v and %v, %v, want failed responses",
						info, infoErr, list, listErr)
				}
			} else if info != nil || list != nil || infoErr == nil || listErr == nil {
				t.Errorf("have %v, %v and %v, %v, want only errors", info, infoErr, list, listErr)
			}
		})
	}
}

// The server logs an error and marks its span for the status codes that OpenTelemetry's semantic
// conventions for gRPC list, and only for these.
func TestServerFaults(t *testing.T) {
	faults := []codes.Code{codes.Unknown, codes.DeadlineExceeded, codes.Unimplemented,
		codes.Internal, codes.Unavailable, codes.DataLoss}
	for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
		t.Run(code.String(), func(t *testing.T) {
			var log testkit.Buffer
			tracer := mocktracer.New()
			set := bookendpoint.New(failing(status.Error(code, "no")))
			srv := bookgrpc.NewServer(set, tracer, newLogger(&log))
			_, err := srv.GetBookInfo(t.Context(), &book.BookInfoParams{BookId: 1})
			if status.Code(err) != code {
				t.Errorf("have %v, want %v", err, code)
			}
			want := slices.Contains(faults, code)
			checkError(t, finishedSpans(t, tracer, 1)["server"], want)
			if have := strings.Contains(log.String(), "code="+code.String()); have != want {
				t.Errorf("log: have %q, want a record: %t", log.String(), want)
			}
		})
	}
}

func TestWithStatus(t *testing.T) {
	sentinel := errors.New("no instance")
	err := bookgrpc.WithStatus(codes.Unavailable, fmt.Errorf("call: %w", sentinel))
	want := "call: no instance"
	if status.Code(err) != codes.Unavailable || !errors.Is(err, sentinel) || err.Error() != want {
		t.Errorf("have %v with code %v, want %s with Unavailable", err, status.Code(err), want)
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
		{"context", context.Canceled, codes.Canceled, context.Canceled.Error()},
		{"no status", errors.New("plain"), codes.Unknown, "plain"},
	}
	for _, tt := range tests {
		err := bookgrpc.FromStatus(tt.err)
		if _, ok := err.(*bookgrpc.Error); !ok {
			t.Errorf("%s: have %T, want *bookgrpc.Error", tt.name, err)
		}
		if status.Code(err) != tt.code || err.Error() != tt.text {
			t.Errorf("%s: have %v with code %v, want %q with %v",
				tt.name, err, status.Code(err), tt.text, tt.code)
		}
	}
	if err := bookgrpc.FromStatus(nil); err != nil {
		t.Errorf("FromStatus(nil): have %v, want nil", err)
	}
	if st := bookgrpc.Status(nil); st != nil {
		t.Errorf("Status(nil): have %v, want nil", st)
	}
}

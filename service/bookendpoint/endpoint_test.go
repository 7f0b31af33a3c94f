package bookendpoint_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/go-kit/kit/endpoint"

	"bookservice/service"
	"bookservice/service/bookendpoint"
	"bookservice/service/inmem"
	"bookservice/service/internal/logtest"
	"bookservice/service/storetest"
	"bookservice/tracer/tracertest/testkit"
)

// A Set behaves as the service that its endpoints call.
func TestSetIsTheService(t *testing.T) {
	guards := bookendpoint.Guards(bookendpoint.DefaultConfig(), nil)
	storetest.Run(t, func(t *testing.T, books []service.Book) service.Service {
		catalogue, err := inmem.New(books...)
		if err != nil {
			t.Fatal(err)
		}
		return bookendpoint.New(catalogue, guards)
	})
}

// A faulty service returns err from each call, or panics if err is nil.
type faulty struct{ err error }

func (f faulty) BookInfo(context.Context, int32) (service.Book, error) {
	if f.err == nil {
		panic("password: swordfish")
	}
	return service.Book{}, f.err
}

func (f faulty) BookList(context.Context, int32, int32) ([]service.Book, error) {
	if f.err == nil {
		panic("password: swordfish")
	}
	return nil, f.err
}

func TestOnlyBusinessErrorsAreResponses(t *testing.T) {
	tests := []struct {
		name     string
		err      error
		business bool
	}{
		{"not found", service.NotFound(9), true},
		{"invalid argument", service.CheckID(-1), true},
		{"other", errors.New("disk on fire"), false},
		{"context", context.Canceled, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			set := bookendpoint.New(faulty{tt.err})
			info, infoErr := set.Info(t.Context(), bookendpoint.InfoRequest{ID: 1})
			list, listErr := set.List(t.Context(), bookendpoint.ListRequest{})
			for method, have := range map[string]struct {
				response any
				err      error
			}{"Info": {info, infoErr}, "List": {list, listErr}} {
				if !tt.business {
					if have.response != nil || have.err != tt.err {
						t.Errorf("%s: have %v, %v, want only the error",
							method, have.response, have.err)
					}
					continue
				}
				f, ok := have.response.(endpoint.Failer)
				if !ok || f.Failed() != tt.err || have.err != nil {
					t.Errorf("%s: have %v, %v, want a failed response",
						method, have.response, have.err)
				}
			}
			if _, err := set.BookInfo(t.Context(), 1); err != tt.err {
				t.Errorf("BookInfo: have %v, want %v", err, tt.err)
			}
			if _, err := set.BookList(t.Context(), 1, 1); err != tt.err {
				t.Errorf("BookList: have %v, want %v", err, tt.err)
			}
		})
	}
}

func TestMiddlewaresFromTheOutsideInwards(t *testing.T) {
	var order []string
	record := func(name string) endpoint.Middleware {
		return func(next endpoint.Endpoint) endpoint.Endpoint {
			return func(ctx context.Context, request any) (any, error) {
				order = append(order, name)
				return next(ctx, request)
			}
		}
	}
	set := bookendpoint.New(inmem.Default(), record("outer"), record("inner"))
	if _, err := set.BookInfo(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if _, err := set.BookList(t.Context(), 1, 1); err != nil {
		t.Fatal(err)
	}
	if want := []string{"outer", "inner", "outer", "inner"}; !slices.Equal(order, want) {
		t.Errorf("order: have %v, want %v", order, want)
	}
}

func TestRecover(t *testing.T) {
	var log testkit.Buffer
	logger := slog.New(contextHandler{slog.NewTextHandler(&log, nil)})
	ctx := context.WithValue(t.Context(), requestKey{}, "request 7")
	guards := bookendpoint.Guards(bookendpoint.DefaultConfig(), logger)
	set := bookendpoint.New(faulty{}, guards)
	if _, err := set.BookInfo(ctx, 1); err != bookendpoint.ErrInternal {
		t.Errorf("BookInfo: have %v, want %v", err, bookendpoint.ErrInternal)
	}
	if _, err := set.BookList(ctx, 1, 1); err != bookendpoint.ErrInternal {
		t.Errorf("BookList: have %v, want %v", err, bookendpoint.ErrInternal)
	}
	for want, count := range map[string]int{
		"level=ERROR": 2, `msg="panic in handler"`: 2, `request="request 7"`: 2,
		`panic="password: swordfish"`: 2, "endpoint_test.go": 2,
		"faulty.BookInfo": 1, "faulty.BookList": 1,
	} {
		if have := strings.Count(log.String(), want); have < count {
			t.Errorf("log: have %d of %s, want %d:\n%s", have, want, count, log.String())
		}
	}
	if have := strings.Count(log.String(), "\n"); have != 2 {
		t.Errorf("log: have %d lines, want 2:\n%s", have, log.String())
	}
}

type requestKey struct{}

// contextHandler adds the context's request to each record.
type contextHandler struct{ slog.Handler }

func (h contextHandler) Handle(ctx context.Context, r slog.Record) error {
	r.AddAttrs(slog.Any("request", ctx.Value(requestKey{})))
	return h.Handler.Handle(ctx, r)
}

func TestNilLoggerDiscards(t *testing.T) {
	for name, middleware := range map[string]endpoint.Middleware{
		"Recover": bookendpoint.Recover(nil),
		"Guards":  bookendpoint.Guards(bookendpoint.DefaultConfig(), nil),
	} {
		t.Run(name, func(t *testing.T) {
			var log testkit.Buffer
			logtest.CaptureDefault(t, &log)
			set := bookendpoint.New(faulty{}, middleware)
			if _, err := set.BookInfo(t.Context(), 1); err != bookendpoint.ErrInternal {
				t.Errorf("have %v, want %v", err, bookendpoint.ErrInternal)
			}
			if log.String() != "" {
				t.Errorf("default logger: have %s, want nothing", log.String())
			}
		})
	}
}

package bookendpoint_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"bookservice/service"
	"bookservice/service/bookendpoint"
	"bookservice/service/inmem"
	"bookservice/service/storetest"

	"github.com/go-kit/kit/endpoint"
)

// A service turned into endpoints and back is the same service.
func TestSetIsTheService(t *testing.T) {
	storetest.Run(t, func(t *testing.T, books []service.Book) service.Service {
		catalogue, err := inmem.New(books...)
		if err != nil {
			t.Fatal(err)
		}
		return bookendpoint.New(catalogue, bookendpoint.Guards(bookendpoint.DefaultConfig(), slog.New(slog.DiscardHandler)))
	})
}

// broken fails and panics on demand.
type broken struct{ err error }

func (b broken) BookInfo(context.Context, int32) (service.Book, error) {
	if b.err == nil {
		panic("password: swordfish")
	}
	return service.Book{}, b.err
}

func (b broken) BookList(context.Context, int32, int32) ([]service.Book, error) {
	if b.err == nil {
		panic("password: swordfish")
	}
	return nil, b.err
}

func TestOnlyBusinessErrorsAreResponses(t *testing.T) {
	tests := []struct {
		name     string
		err      error
		business bool
	}{
		{"not found", service.NotFound(9), true},
		{"invalid argument", service.CheckID(-1), true},
		{"plain", errors.New("disk on fire"), false},
		{"context", context.Canceled, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			set := bookendpoint.New(broken{tt.err})
			info, infoErr := set.Info(t.Context(), bookendpoint.InfoRequest{ID: 1})
			list, listErr := set.List(t.Context(), bookendpoint.ListRequest{})
			for method, have := range map[string]struct {
				response any
				err      error
			}{"Info": {info, infoErr}, "List": {list, listErr}} {
				if !tt.business {
					if have.response != nil || have.err != tt.err {
						t.Errorf("%s: have %v, %v, want the error alone", method, have.response, have.err)
					}
				} else if f, ok := have.response.(endpoint.Failer); !ok || f.Failed() != tt.err || have.err != nil {
					t.Errorf("%s: have %v, %v, want a response that failed", method, have.response, have.err)
				}
			}
			if _, err := set.BookInfo(t.Context(), 1); err != tt.err {
				t.Errorf("BookInfo: have %v", err)
			}
			if _, err := set.BookList(t.Context(), 1, 1); err != tt.err {
				t.Errorf("BookList: have %v", err)
			}
		})
	}
}

func TestMiddlewaresFromTheOutsideInwards(t *testing.T) {
	var order []string
	named := func(name string) endpoint.Middleware {
		return func(next endpoint.Endpoint) endpoint.Endpoint {
			return func(ctx context.Context, request any) (any, error) {
				order = append(order, name)
				return next(ctx, request)
			}
		}
	}
	set := bookendpoint.New(inmem.Default(), named("outer"), named("inner"))
	if _, err := set.BookInfo(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if have := strings.Join(order, " "); have != "outer inner" {
		t.Errorf("have %s", have)
	}
}

func TestRecover(t *testing.T) {
	var lines bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&lines, nil))
	set := bookendpoint.New(broken{}, bookendpoint.Guards(bookendpoint.DefaultConfig(), logger))
	if _, err := set.BookInfo(t.Context(), 1); err != bookendpoint.ErrInternal {
		t.Errorf("BookInfo: have %v, want %v", err, bookendpoint.ErrInternal)
	}
	if _, err := set.BookList(t.Context(), 1, 1); err != bookendpoint.ErrInternal {
		t.Errorf("BookList: have %v, want %v", err, bookendpoint.ErrInternal)
	}
	if have := strings.Count(lines.String(), "level=ERROR"); have != 2 {
		t.Errorf("have %d lines, want 2", have)
	}
	for _, want := range []string{"password: swordfish", "endpoint_test.go", "broken.BookInfo", "broken.BookList"} {
		if !strings.Contains(lines.String(), want) {
			t.Errorf("the log does not have %q:\n%s", want, lines.String())
		}
	}
}

func TestKitLogger(t *testing.T) {
	var lines bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&lines, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	kit := bookendpoint.KitLogger(logger, slog.LevelWarn, "discovery")
	if err := kit.Log("instance", "a:1", "err", errors.New("gone"), "odd"); err != nil {
		t.Error(err)
	}
	if err := bookendpoint.KitLogger(logger, slog.LevelDebug, "hidden").Log("a", 1); err != nil {
		t.Error(err)
	}
	if want := "level=WARN msg=discovery instance=a:1 err=gone\n"; lines.String() != want {
		t.Errorf("have %q, want %q", lines.String(), want)
	}
}

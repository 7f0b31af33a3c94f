package bookgrpc_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"bookservice/api/book"
	"bookservice/service"
	"bookservice/service/bookendpoint"
	"bookservice/service/bookgrpc"
	"bookservice/service/inmem"
	"bookservice/service/storetest"

	grpctransport "github.com/go-kit/kit/transport/grpc"
	"github.com/opentracing/opentracing-go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// A store behind the wire is still that store: every promise of the service holds at the client.
func TestServiceOverTheWire(t *testing.T) {
	storetest.Run(t, func(t *testing.T, books []service.Book) service.Service {
		catalogue, err := inmem.New(books...)
		if err != nil {
			t.Fatal(err)
		}
		conn, _ := serve(t, catalogue, opentracing.NoopTracer{})
		return bookgrpc.NewClient(conn, opentracing.NoopTracer{})
	})
}

func TestAlias(t *testing.T) {
	var method any
	conn, _ := serve(t, funcs{info: func(ctx context.Context, id int32) (service.Book, error) {
		method = ctx.Value(grpctransport.ContextKeyRequestMethod)
		return service.Book{ID: id, Name: "a"}, nil
	}}, opentracing.NoopTracer{})
	var have book.BookInfo
	if err := conn.Invoke(t.Context(), "/BookService/GetBookInfo", &book.BookInfoParams{BookId: 5}, &have); err != nil {
		t.Fatal(err)
	}
	if have.GetBookId() != 5 || have.GetBookName() != "a" {
		t.Errorf("have %v", &have)
	}
	if method != "/book.BookService/GetBookInfo" {
		t.Errorf("the call was one of %v, want the service's own name", method)
	}
	err := conn.Invoke(t.Context(), "/BookService/GetBookCover", &book.BookInfoParams{}, &have)
	if status.Code(err) != codes.Unimplemented {
		t.Errorf("unknown method: have %v", err)
	}
}

func TestPanicIsInternalAndTheServerGoesOn(t *testing.T) {
	conn, log := serve(t, funcs{info: func(_ context.Context, id int32) (service.Book, error) {
		if id == 13 {
			panic("swordfish")
		}
		return service.Book{ID: id, Name: "a"}, nil
	}}, opentracing.NoopTracer{})
	foreign := book.NewBookServiceClient(conn)
	_, err := foreign.GetBookInfo(t.Context(), &book.BookInfoParams{BookId: 13})
	if st := status.Convert(err); st.Code() != codes.Internal || st.Message() != "internal error" || len(st.Details()) > 0 {
		t.Errorf("have %v, want Internal that tells nothing", err)
	}
	if _, err := foreign.GetBookInfo(t.Context(), &book.BookInfoParams{BookId: 1}); err != nil {
		t.Errorf("the next call: %v", err)
	}
	if have := log.String(); strings.Count(have, "\n") != 1 || !strings.Contains(have, "swordfish") ||
		!strings.Contains(have, "server_test.go") {
		t.Errorf("have log\n%s\nwant one line with panic and stack", have)
	}
}

func TestRateModes(t *testing.T) {
	tests := []struct {
		mode string
		want codes.Code
	}{
		{bookendpoint.RateReject, codes.ResourceExhausted},
		{bookendpoint.RateDelay, codes.DeadlineExceeded},
		{bookendpoint.RateOff, codes.OK},
	}
	for _, tt := range tests {
		t.Run(tt.mode, func(t *testing.T) {
			conn, log := serveWith(t, inmem.Default(), opentracing.NoopTracer{},
				bookendpoint.Config{RateEvery: time.Hour, RateBurst: 2, RateMode: tt.mode})
			foreign := book.NewBookServiceClient(conn)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			start := time.Now()
			// Both endpoints draw on one limit of two.
			_, first := foreign.GetBookInfo(ctx, &book.BookInfoParams{BookId: 1})
			_, second := foreign.GetBookList(ctx, &book.BookListParams{})
			_, third := foreign.GetBookInfo(ctx, &book.BookInfoParams{BookId: 1})
			if first != nil || second != nil || status.Code(third) != tt.want {
				t.Errorf("have %v, %v, %v, want the third to be %v", first, second, third, tt.want)
			}
			if took := time.Since(start); took > 30*time.Second {
				t.Errorf("the calls took %v: want a call that would come too late to end at once", took)
			}
			if log.String() != "" {
				t.Errorf("what the configuration asks for is logged: %s", log)
			}
		})
	}
}

func TestDelayedCallIsServedInTurn(t *testing.T) {
	conn, _ := serveWith(t, inmem.Default(), opentracing.NoopTracer{},
		bookendpoint.Config{RateEvery: 20 * time.Millisecond, RateBurst: 1, RateMode: bookendpoint.RateDelay})
	start := time.Now()
	for range 3 {
		if _, err := book.NewBookServiceClient(conn).GetBookInfo(t.Context(), &book.BookInfoParams{BookId: 1}); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(start); took < 39*time.Millisecond {
		t.Errorf("three calls took %v, want 40ms", took)
	}
}

// The client's deadline and its cancellation reach the service, whose delay they end.
func TestLatencyObeysTheCall(t *testing.T) {
	for _, want := range []error{context.DeadlineExceeded, context.Canceled} {
		t.Run(want.Error(), func(t *testing.T) {
			entered, ended := make(chan struct{}), make(chan error)
			slow := service.WithLatency(inmem.Default(), 0, 1<<62)
			conn, _ := serve(t, funcs{info: func(ctx context.Context, id int32) (service.Book, error) {
				close(entered)
				_, err := slow.BookInfo(ctx, id)
				ended <- err
				return service.Book{}, err
			}}, opentracing.NoopTracer{})
			ctx, cancel := context.WithCancel(t.Context())
			if want == context.DeadlineExceeded {
				ctx, cancel = context.WithTimeout(t.Context(), time.Second)
			} else {
				go func() { <-entered; cancel() }()
			}
			defer cancel()
			if _, err := bookgrpc.NewClient(conn, nil).BookInfo(ctx, 1); !errors.Is(err, want) {
				t.Errorf("the client: have %v, want %v", err, want)
			}
			select {
			case err := <-ended:
				if err == nil {
					t.Error("the service: have no error, want its context's")
				}
			case <-time.After(10 * time.Second):
				t.Error("the service's delay goes on")
			}
		})
	}
}

func TestOptionsComeLast(t *testing.T) {
	var have []string
	opt := grpctransport.ServerBefore(func(ctx context.Context, _ metadata.MD) context.Context {
		have = append(have, "before")
		return ctx
	})
	srv := bookgrpc.NewServer(bookendpoint.New(inmem.Default()), nil, (&lines{}).logger(), opt)
	if _, err := srv.GetBookInfo(t.Context(), &book.BookInfoParams{BookId: 1}); err != nil || len(have) != 1 {
		t.Errorf("have %v, %v", have, err)
	}
}

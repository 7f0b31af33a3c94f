package bookgrpc_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/go-kit/kit/transport"
	grpctransport "github.com/go-kit/kit/transport/grpc"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/mocktracer"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"bookservice/api/book"
	"bookservice/service"
	"bookservice/service/bookendpoint"
	"bookservice/service/bookgrpc"
	"bookservice/service/inmem"
	"bookservice/service/internal/logtest"
	"bookservice/service/storetest"
	"bookservice/tracer/tracertest/testkit"
)

// The client's endpoints behave as the service that the server calls.
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
	conn, _ := serve(t, funcs{info: func(_ context.Context, id int32) (service.Book, error) {
		return service.Book{ID: id, Name: "a"}, nil
	}}, opentracing.NoopTracer{})
	var have book.BookInfo
	params := &book.BookInfoParams{BookId: 5}
	err := conn.Invoke(t.Context(), "/BookService/GetBookInfo", params, &have)
	if err != nil {
		t.Fatal(err)
	}
	if have.GetBookId() != 5 || have.GetBookName() != "a" {
		t.Errorf("have %v, want book 5", &have)
	}
	err = conn.Invoke(t.Context(), "/BookService/GetBookCover", params, &have)
	if status.Code(err) != codes.Unimplemented {
		t.Errorf("unknown method: have %v, want Unimplemented", err)
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
	st := status.Convert(err)
	if st.Code() != codes.Internal || st.Message() != "internal error" || len(st.Details()) > 0 {
		t.Errorf("have %v, want Internal without details", err)
	}
	if _, err := foreign.GetBookInfo(t.Context(), &book.BookInfoParams{BookId: 1}); err != nil {
		t.Errorf("the next call: %v", err)
	}
	have := log.String()
	if strings.Count(have, "\n") != 1 || !strings.Contains(have, "swordfish") ||
		!strings.Contains(have, "server_test.go") {
		t.Errorf("log: have\n%s\nwant one line with the panic and the stack", have)
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
			// Both endpoints share the limit of two calls.
			_, first := foreign.GetBookInfo(ctx, &book.BookInfoParams{BookId: 1})
			_, second := foreign.GetBookList(ctx, &book.BookListParams{})
			_, third := foreign.GetBookInfo(ctx, &book.BookInfoParams{BookId: 1})
			if first != nil || second != nil || status.Code(third) != tt.want {
				t.Errorf("have %v, %v, %v, want success twice and then %v",
					first, second, third, tt.want)
			}
			if took := time.Since(start); took > 30*time.Second {
				t.Errorf("the calls took %v, want no wait for the deadline", took)
			}
			lines := 1
			if tt.want == codes.OK {
				lines = 0
			}
			if have := strings.Count(log.String(), "rate limit exceeded"); have != lines ||
				strings.Count(log.String(), "\n") != lines {
				t.Errorf("log: have %s, want %d lines of the limiter", log.String(), lines)
			}
		})
	}
}

func TestDelayedCallsSucceed(t *testing.T) {
	conn, _ := serveWith(t, inmem.Default(), opentracing.NoopTracer{}, bookendpoint.Config{
		RateEvery: 20 * time.Millisecond, RateBurst: 1, RateMode: bookendpoint.RateDelay,
		RateQueue: 1})
	client := book.NewBookServiceClient(conn)
	start := time.Now()
	for range 3 {
		if _, err := client.GetBookInfo(t.Context(), &book.BookInfoParams{BookId: 1}); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(start); took < 39*time.Millisecond {
		t.Errorf("three calls took %v, want 40ms or more", took)
	}
}

// The deadline and the cancellation of the client end a delay in the service.
func TestLatencyObeysTheCall(t *testing.T) {
	testkit.Slow(t)
	for _, want := range []error{context.DeadlineExceeded, context.Canceled} {
		t.Run(want.Error(), func(t *testing.T) {
			entered, ended := make(chan struct{}), make(chan error, 1)
			slow := service.WithLatency(inmem.Default(), 0, 1<<62)
			info := func(ctx context.Context, id int32) (service.Book, error) {
				close(entered)
				_, err := slow.BookInfo(ctx, id)
				ended <- err
				return service.Book{}, err
			}
			conn, _ := serve(t, funcs{info: info}, opentracing.NoopTracer{})
			ctx, cancel := context.WithCancel(t.Context())
			if want == context.DeadlineExceeded {
				ctx, cancel = context.WithTimeout(t.Context(), time.Second)
			} else {
				go func() { <-entered; cancel() }()
			}
			defer cancel()
			if _, err := bookgrpc.NewClient(conn, nil).BookInfo(ctx, 1); !errors.Is(err, want) {
				t.Errorf("client: have %v, want %v", err, want)
			}
			select {
			case err := <-ended:
				if err == nil {
					t.Error("service: have no error, want that of its context")
				}
			case <-time.After(10 * time.Second):
				t.Error("service: the delay has not ended after 10s")
			}
		})
	}
}

// The options of the caller are applied after those of NewServer: a request function finds the
// SERVER span in the context, and an error handler replaces the log.
func TestOptionsComeLast(t *testing.T) {
	var log testkit.Buffer
	var span opentracing.Span
	before := grpctransport.ServerBefore(func(ctx context.Context, _ metadata.MD) context.Context {
		span = opentracing.SpanFromContext(ctx)
		return ctx
	})
	var handled error
	handler := grpctransport.ServerErrorHandler(transport.ErrorHandlerFunc(
		func(_ context.Context, err error) { handled = err }))

	fault := errors.New("disk on fire")
	srv := bookgrpc.NewServer(bookendpoint.New(failing(fault)), mocktracer.New(), newLogger(&log),
		before, handler)
	_, err := srv.GetBookInfo(t.Context(), &book.BookInfoParams{BookId: 1})
	if status.Code(err) != codes.Internal {
		t.Errorf("have %v, want Internal", err)
	}
	if span == nil {
		t.Error("the request function ran before the one of NewServer: it found no span")
	}
	if handled != fault || log.String() != "" {
		t.Errorf("have error %v and log %q, want only the caller's handler", handled, log.String())
	}
}

// The log record of a fault has the context of the call, and with it the span.
func TestFaultsAreLoggedWithTheSpan(t *testing.T) {
	var log testkit.Buffer
	logger := slog.New(spanHandler{slog.NewTextHandler(&log, nil)})
	srv := bookgrpc.NewServer(bookendpoint.New(failing(errors.New("disk on fire"))),
		mocktracer.New(), logger)
	_, infoErr := srv.GetBookInfo(t.Context(), &book.BookInfoParams{BookId: 1})
	_, listErr := srv.GetBookList(t.Context(), &book.BookListParams{})
	if status.Code(infoErr) != codes.Internal || status.Code(listErr) != codes.Internal {
		t.Errorf("have %v, %v, want Internal", infoErr, listErr)
	}
	for _, method := range []string{"GetBookInfo", "GetBookList"} {
		want := `level=ERROR msg="call failed" method=` + method +
			` code=Internal error="disk on fire" span=book.BookService/` + method + "\n"
		if !strings.Contains(log.String(), want) {
			t.Errorf("log: have %s, want %s", log.String(), want)
		}
	}
}

// spanHandler adds the name of the span in the context to each record.
type spanHandler struct{ slog.Handler }

func (h spanHandler) Handle(ctx context.Context, r slog.Record) error {
	if span, ok := opentracing.SpanFromContext(ctx).(*mocktracer.MockSpan); ok {
		r.AddAttrs(slog.String("span", span.OperationName))
	}
	return h.Handler.Handle(ctx, r)
}

func TestNilLoggerDiscards(t *testing.T) {
	var log testkit.Buffer
	logtest.CaptureDefault(t, &log)
	tracer := brokenTracer{mocktracer.New()}
	set := bookendpoint.New(failing(errors.New("disk on fire")))
	conn := serveBook(t, bookgrpc.NewServer(set, tracer, nil))
	client := bookgrpc.NewClient(conn, tracer, bookgrpc.WithClientLogger(nil))
	if _, err := client.BookInfo(t.Context(), 1); status.Code(err) != codes.Internal {
		t.Errorf("have %v, want Internal", err)
	}
	if log.String() != "" {
		t.Errorf("default logger: have %s, want nothing", log.String())
	}
}

// By default errors of the client's tracer are logged to the default logger, at debug level.
func TestClientLogsToTheDefaultLogger(t *testing.T) {
	var log testkit.Buffer
	logtest.CaptureDefault(t, &log)
	conn, serverLog := serve(t, inmem.Default(), brokenTracer{mocktracer.New()})
	client := bookgrpc.NewClient(conn, brokenTracer{mocktracer.New()})
	if _, err := client.BookInfo(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	for have, verb := range map[*testkit.Buffer]string{&log: "write", serverLog: "read"} {
		want := `level=DEBUG msg="cannot ` + verb + ` trace headers" err="broken tracer"` + "\n"
		if text := have.String(); strings.Count(text, "\n") != 1 || !strings.HasSuffix(text, want) {
			t.Errorf("log: have %s, want one line %s", text, want)
		}
	}
}

// A brokenTracer cannot propagate its spans.
type brokenTracer struct{ opentracing.Tracer }

func (brokenTracer) Inject(opentracing.SpanContext, any, any) error {
	return errors.New("broken tracer")
}

func (brokenTracer) Extract(any, any) (opentracing.SpanContext, error) {
	return nil, errors.New("broken tracer")
}

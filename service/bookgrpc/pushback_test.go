package bookgrpc_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/opentracing/opentracing-go/mocktracer"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"bookservice/api/book"
	"bookservice/service/bookendpoint"
	"bookservice/service/bookgrpc"
	"bookservice/service/inmem"
	"bookservice/tracer/tracertest/testkit"
)

// A delayedError is an error with a delay until the next attempt.
type delayedError struct {
	error
	delay time.Duration
}

func (e delayedError) Unwrap() error             { return e.error }
func (e delayedError) RetryAfter() time.Duration { return e.delay }

// A client of another implementation sees the delay of an error as the trailer and as the status
// detail, for both methods. Our client sees the same decision.
func TestRetryAfterIsSent(t *testing.T) {
	tests := []struct {
		delay   time.Duration
		trailer string
		info    bool
	}{
		{0, "0", true},
		{time.Nanosecond, "1", true},
		{1500 * time.Millisecond, "1500", true},
		{1000 * time.Hour, "2147483647", true},
		{-time.Second, "-1", false},
	}
	for _, tt := range tests {
		t.Run(tt.delay.String(), func(t *testing.T) {
			err := fmt.Errorf("busy: %w", delayedError{bookendpoint.ErrLimited, tt.delay})
			conn, _ := serve(t, failing(err), nil)
			var info, list metadata.MD
			_, errInfo := book.NewBookServiceClient(conn).GetBookInfo(t.Context(),
				&book.BookInfoParams{BookId: 1}, grpc.Trailer(&info))
			_, errList := book.NewBookServiceClient(conn).GetBookList(t.Context(),
				&book.BookListParams{}, grpc.Trailer(&list))
			checkDelay(t, errInfo, info, tt.trailer, tt.info, tt.delay)
			checkDelay(t, errList, list, tt.trailer, tt.info, tt.delay)

			_, errOurs := bookgrpc.NewClient(conn, nil).BookInfo(t.Context(), 1)
			delay, ok := bookgrpc.RetryDelay(errOurs)
			if !ok || (delay < 0) != (tt.delay < 0) || delay < min(tt.delay, 24*24*time.Hour) {
				t.Errorf("our client: have %v, %t, want %v", delay, ok, tt.delay)
			}
			if !errors.Is(errOurs, bookendpoint.ErrLimited) {
				t.Errorf("our client: have %v, want %v", errOurs, bookendpoint.ErrLimited)
			}
		})
	}
}

func checkDelay(t *testing.T, err error, md metadata.MD, trailer string, info bool,
	delay time.Duration) {
	t.Helper()
	st := status.Convert(err)
	if st.Code() != codes.ResourceExhausted || st.Message() != bookendpoint.ErrLimited.Error() {
		t.Errorf("have %v, want ResourceExhausted and the message of ErrLimited", err)
	}
	if have := md["grpc-retry-pushback-ms"]; len(have) != 1 || have[0] != trailer {
		t.Errorf("grpc-retry-pushback-ms: have %q, want %q", have, trailer)
	}
	details := st.Details()
	if !info {
		if len(details) > 0 {
			t.Errorf("have the details %v, want none", details)
		}
		return
	}
	if len(details) != 1 {
		t.Fatalf("have the details %v, want RetryInfo", details)
	}
	have, ok := details[0].(*errdetails.RetryInfo)
	if !ok || have.GetRetryDelay().AsDuration() != delay {
		t.Errorf("have the detail %v, want RetryInfo with %v", details[0], delay)
	}
}

// An error without a delay has neither signal.
func TestNoRetryAfterIsSent(t *testing.T) {
	conn, _ := serve(t, failing(bookendpoint.ErrLimited), nil)
	var trailer metadata.MD
	_, err := book.NewBookServiceClient(conn).GetBookInfo(t.Context(),
		&book.BookInfoParams{BookId: 1}, grpc.Trailer(&trailer))
	if have := trailer["grpc-retry-pushback-ms"]; len(have) != 0 ||
		len(status.Convert(err).Details()) != 0 {
		t.Errorf("have the trailer %v and the error %v, want no signal", trailer, err)
	}
	_, err = bookgrpc.NewClient(conn, nil).BookInfo(t.Context(), 1)
	if delay, ok := bookgrpc.RetryDelay(err); ok {
		t.Errorf("have a delay of %v, want none", delay)
	}
}

// NotSent tells a call that has no connection from one whose connection is lost.
func TestNotSent(t *testing.T) {
	conn, err := bookgrpc.Dial(testkit.ClosedAddr(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, err = bookgrpc.NewClient(conn, nil).BookInfo(t.Context(), 1)
	if status.Code(err) != codes.Unavailable || !bookgrpc.NotSent(err) ||
		!bookgrpc.NotSent(bookgrpc.Wrap(err, "wrapped")) {
		t.Errorf("have %v, want Unavailable and not sent", err)
	}
	served, _ := serve(t, failing(status.Error(codes.Unavailable, "busy")), nil)
	_, err = bookgrpc.NewClient(served, nil).BookInfo(t.Context(), 1)
	if status.Code(err) != codes.Unavailable || bookgrpc.NotSent(err) {
		t.Errorf("have %v, want Unavailable and sent", err)
	}
}

// The number of previous attempts is a tag of both spans, if there are any. A value that is no
// number is not.
func TestPreviousAttemptsAreTagged(t *testing.T) {
	tracer := mocktracer.New()
	conn, _ := serve(t, inmem.Default(), tracer)
	c := bookgrpc.NewClient(conn, tracer)
	for _, previous := range []int{0, 2} {
		tracer.Reset()
		ctx := bookgrpc.WithAttempt(t.Context(), &bookgrpc.Attempt{Previous: previous})
		if _, err := c.BookInfo(ctx, 1); err != nil {
			t.Fatal(err)
		}
		testkit.Eventually(t, "both spans are finished", func() bool {
			return len(tracer.FinishedSpans()) == 2
		})
		for _, span := range tracer.FinishedSpans() {
			have := span.Tag("previous-rpc-attempts")
			if previous == 0 && have != nil || previous > 0 && have != previous {
				t.Errorf("%v: have previous-rpc-attempts %v, want %d",
					span.Tag("span.kind"), have, previous)
			}
		}
	}
	tracer.Reset()
	ctx := metadata.AppendToOutgoingContext(context.Background(),
		"grpc-previous-rpc-attempts", "many")
	client := book.NewBookServiceClient(conn)
	if _, err := client.GetBookInfo(ctx, &book.BookInfoParams{BookId: 1}); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "the span is finished", func() bool {
		return len(tracer.FinishedSpans()) == 1
	})
	if have := tracer.FinishedSpans()[0].Tag("previous-rpc-attempts"); have != nil {
		t.Errorf("have previous-rpc-attempts %v, want none", have)
	}
}

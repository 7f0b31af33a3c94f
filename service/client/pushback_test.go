package client_test

import (
	"context"
	"math"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"bookservice/api/book"
	"bookservice/service/client"
)

// retryInfo returns an error with the detail google.rpc.RetryInfo.
func retryInfo(t *testing.T, code codes.Code, delay time.Duration) error {
	t.Helper()
	st, err := status.New(code, "busy").WithDetails(
		&errdetails.RetryInfo{RetryDelay: durationpb.New(delay)})
	if err != nil {
		t.Fatal(err)
	}
	return st.Err()
}

// A call is retried as the server's trailer or status detail requires. The first attempt fails; a
// second one succeeds.
func TestServersRetrySignalsAreObeyed(t *testing.T) {
	exhausted := status.Error(codes.ResourceExhausted, "busy")
	unavailable := status.Error(codes.Unavailable, "busy")
	tests := []struct {
		name     string
		trailer  []string // of grpc-retry-pushback-ms
		err      error
		attempts int
		delay    time.Duration // the shortest between the attempts
	}{
		{"no signal", nil, exhausted, 1, 0},
		{"0 ms", []string{"0"}, exhausted, 2, 0},
		{"60 ms", []string{"60"}, exhausted, 2, 60 * time.Millisecond},
		{"60 ms and Unavailable", []string{"60"}, unavailable, 2, 60 * time.Millisecond},
		{"negative", []string{"-1"}, unavailable, 1, 0},
		{"negative and ResourceExhausted", []string{"-5"}, exhausted, 1, 0},
		{"no number", []string{"soon"}, unavailable, 1, 0},
		{"more than 32 bits", []string{"4294967296"}, unavailable, 1, 0},
		{"two values", []string{"1", "2"}, unavailable, 1, 0},
		{"not retryable", []string{"0"}, status.Error(codes.Unimplemented, "no"), 1, 0},
		{"later than the deadline", []string{"60000"}, unavailable, 1, 0},
		{"RetryInfo", nil, retryInfo(t, codes.ResourceExhausted, 60*time.Millisecond), 2,
			60 * time.Millisecond},
		{"RetryInfo and Unavailable", nil,
			retryInfo(t, codes.Unavailable, 60*time.Millisecond), 2, 60 * time.Millisecond},
		{"RetryInfo of 0", nil, retryInfo(t, codes.ResourceExhausted, 0), 2, 0},
		{"RetryInfo, trailer forbids", []string{"-1"},
			retryInfo(t, codes.ResourceExhausted, 0), 1, 0},
		{"RetryInfo, later than the deadline", nil,
			retryInfo(t, codes.Unavailable, time.Hour), 1, 0},
		{"RetryInfo, the longest", nil,
			retryInfo(t, codes.Unavailable, math.MaxInt64), 1, 0},
		{"RetryInfo, negative", nil, retryInfo(t, codes.Unavailable, -time.Hour), 2, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var times []time.Time // written by one call at a time
			f := startForeign(t, func(ctx context.Context, n int) (*book.BookInfo, error) {
				times = append(times, time.Now())
				if n > 1 {
					return &book.BookInfo{BookId: 1}, nil
				}
				if tt.trailer != nil {
					_ = grpc.SetTrailer(ctx, metadata.MD{"grpc-retry-pushback-ms": tt.trailer})
				}
				return nil, tt.err
			})
			c := dial(t, quick(nil), f.addr)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			begin := time.Now()
			_, err := c.BookInfo(ctx, 1)
			if took := time.Since(begin); took > 10*time.Second {
				t.Errorf("the call took %v, want no wait for the deadline", took)
			}
			want := codes.OK
			if tt.attempts == 1 {
				want = status.Code(tt.err)
			}
			if have := len(f.calls()); status.Code(err) != want || have != tt.attempts {
				t.Fatalf("have %v after %d attempts, want %v after %d",
					err, have, want, tt.attempts)
			}
			if tt.attempts == 2 {
				if have := times[1].Sub(times[0]); have < tt.delay {
					t.Errorf("have a delay of %v, want at least %v", have, tt.delay)
				}
			}
		})
	}
}

// The status details of the server's error reach the caller.
func TestDetailsReachTheCaller(t *testing.T) {
	f := startForeign(t, func(context.Context, int) (*book.BookInfo, error) {
		return nil, retryInfo(t, codes.ResourceExhausted, time.Hour)
	})
	_, err := dial(t, client.DefaultConfig(), f.addr).BookInfo(t.Context(), 1)
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok &&
			info.GetRetryDelay().AsDuration() == time.Hour {
			return
		}
	}
	t.Errorf("have %v with the details %v, want RetryInfo with 1h",
		err, status.Convert(err).Details())
}

package otlp

import (
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"bookservice/tracer/delivery"
)

// TestRetryInfoIsBounded has collectors that request pauses. The longest is 5 minutes, as for
// Retry-After.
func TestRetryInfoIsBounded(t *testing.T) {
	for _, test := range []struct{ requested, want time.Duration }{
		{-time.Hour, 0}, {0, 0}, {time.Millisecond, time.Millisecond},
		{5 * time.Minute, 5 * time.Minute}, {5*time.Minute + 1, 5 * time.Minute},
		{87600 * time.Hour, 5 * time.Minute}, {1<<63 - 1, 5 * time.Minute},
	} {
		for _, code := range []codes.Code{codes.Unavailable, codes.ResourceExhausted} {
			st, err := status.New(code, "message larger than max").WithDetails(
				&errdetails.RetryInfo{RetryDelay: durationpb.New(test.requested)})
			if err != nil {
				t.Fatal(err)
			}
			if have := verdict(st); have.Kind != delivery.Retry || have.After != test.want {
				t.Errorf("%v, %v: have kind %v after %v, want Retry after %v",
					code, test.requested, have.Kind, have.After, test.want)
			}
		}
	}
}

// TestRetryInfoWithoutADelay has details that are empty, or that overflow a duration.
func TestRetryInfoWithoutADelay(t *testing.T) {
	for _, info := range []*errdetails.RetryInfo{
		{}, {RetryDelay: &durationpb.Duration{Seconds: 1<<63 - 1}},
		{RetryDelay: &durationpb.Duration{Seconds: -1 << 63, Nanos: -1 << 31}},
	} {
		st, err := status.New(codes.ResourceExhausted, "quota").WithDetails(info)
		if err != nil {
			t.Fatal(err)
		}
		have := verdict(st)
		if have.Kind != delivery.Retry || have.After < 0 || have.After > maxRetryDelay {
			t.Errorf("%v: have %v after %v, want Retry after 5 minutes at most",
				info, have.Kind, have.After)
		}
	}
}

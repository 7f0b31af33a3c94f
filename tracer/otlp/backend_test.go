package otlp_test

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/opentracing/opentracing-go"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"bookservice/tracer"
	"bookservice/tracer/delivery"
	"bookservice/tracer/otlp"
	"bookservice/tracer/tracertest/receiver"
	"bookservice/tracer/tracertest/testkit"
)

// refuseFirst refuses the first n requests.
func refuseFirst(n int, err error) receiver.Answer {
	return func(i int) (*coltracepb.ExportTraceServiceResponse, error) {
		if i <= n {
			return nil, err
		}
		return nil, nil
	}
}

// rejectOne accepts every request except for one span.
func rejectOne(int) (*coltracepb.ExportTraceServiceResponse, error) {
	return &coltracepb.ExportTraceServiceResponse{
		PartialSuccess: &coltracepb.ExportTracePartialSuccess{
			RejectedSpans: 1, ErrorMessage: "odd",
		},
	}, nil
}

// TestErrorsOfTheCollector counts the requests, and the spans that arrive, if the collector refuses
// the first requests.
func TestErrorsOfTheCollector(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	throttled, err := status.New(codes.ResourceExhausted, "full").WithDetails(
		&errdetails.RetryInfo{RetryDelay: durationpb.New(time.Millisecond)})
	if err != nil {
		t.Fatal(err)
	}
	fails := func(code codes.Code) error { return status.Error(code, "refused") }
	tooMany := receiver.HTTPError{Status: http.StatusTooManyRequests, RetryAfter: "0"}
	for name, test := range map[string]struct {
		protocol        string
		answer          receiver.Answer
		requests, spans int
	}{
		"grpc unavailable":     {otlp.GRPC, refuseFirst(2, fails(codes.Unavailable)), 3, 1},
		"grpc throttled":       {otlp.GRPC, refuseFirst(2, throttled.Err()), 3, 1},
		"grpc exhausted":       {otlp.GRPC, refuseFirst(2, fails(codes.ResourceExhausted)), 1, 0},
		"grpc partial success": {otlp.GRPC, rejectOne, 1, 0},
		"grpc canceled":        {otlp.GRPC, refuseFirst(1, fails(codes.Canceled)), 2, 1},
		"grpc deadline":        {otlp.GRPC, refuseFirst(1, fails(codes.DeadlineExceeded)), 2, 1},
		"grpc aborted":         {otlp.GRPC, refuseFirst(1, fails(codes.Aborted)), 2, 1},
		"grpc out of range":    {otlp.GRPC, refuseFirst(1, fails(codes.OutOfRange)), 2, 1},
		"grpc data loss":       {otlp.GRPC, refuseFirst(1, fails(codes.DataLoss)), 2, 1},
		"grpc internal":        {otlp.GRPC, refuseFirst(1, fails(codes.Internal)), 1, 0},
		"http unavailable":     {otlp.HTTP, refuseFirst(2, receiver.HTTPError{Status: 503}), 3, 1},
		"http too many":        {otlp.HTTP, refuseFirst(1, tooMany), 2, 1},
		"http partial success": {otlp.HTTP, rejectOne, 1, 0},
		"http gateway timeout": {otlp.HTTP, refuseFirst(1, receiver.HTTPError{Status: 504}), 2, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := receiver.NewOTLP(t, test.answer)
			var m tracer.Metrics
			err := to(r, test.protocol).run(t, func(tr opentracing.Tracer) {
				tr.StartSpan("call").Finish()
				testkit.Eventually(t, "the requests arrive", func() bool {
					return len(r.Requests()) >= test.requests
				})
			}, tracer.WithMetrics(&m))
			if err != nil && test.spans == 1 { // Close counts the refused spans that it flushed
				t.Error(err)
			}
			n, spans := len(r.Requests()), len(r.Spans())
			if n != test.requests || spans != test.spans {
				t.Errorf("have %d requests and %d spans, want %d and %d",
					n, spans, test.requests, test.spans)
			}
			s := m.Stats().Sinks["otlp"]
			if s.Sent != uint64(test.spans) || s.Dropped != uint64(1-test.spans) {
				t.Errorf("have %+v, want %d sent and the others dropped", s, test.spans)
			}
		})
	}
}

// TestConfigurationErrorsOfTheCollector has a collector that refuses all requests for a reason that
// a change of the configuration can remove, or that it does not give. The spans are kept until
// Close.
func TestConfigurationErrorsOfTheCollector(t *testing.T) {
	testkit.Slow(t)
	for _, code := range []codes.Code{
		codes.Unauthenticated, codes.PermissionDenied, codes.Unimplemented, codes.InvalidArgument,
	} {
		t.Run(code.String(), func(t *testing.T) {
			t.Parallel()
			r := receiver.NewOTLP(t, refuseFirst(1<<30, status.Error(code, "refused")))
			s := to(r, otlp.GRPC)
			s.FlushTimeout = time.Second
			var m tracer.Metrics
			var lines testkit.Buffer
			log := slog.New(slog.NewTextHandler(&lines, nil))
			err := s.run(t, func(tr opentracing.Tracer) { tr.StartSpan("call").Finish() },
				tracer.WithMetrics(&m), tracer.WithLogger(log))
			if err == nil || m.Stats().Sinks["otlp"].DroppedBy[delivery.NotFlushed] != 1 {
				t.Errorf("have %v and %+v, want the span kept until Close",
					err, m.Stats().Sinks["otlp"])
			}
			if !strings.Contains(lines.String(), "configuration") {
				t.Errorf("have log %q, want a hint at the configuration", lines.String())
			}
		})
	}
}

// TestRetryInfoIsObeyed has a collector that asks for a pause.
func TestRetryInfoIsObeyed(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	const pause = 700 * time.Millisecond // longer than the backoff
	throttled, err := status.New(codes.Unavailable, "full").WithDetails(
		&errdetails.RetryInfo{RetryDelay: durationpb.New(pause)})
	if err != nil {
		t.Fatal(err)
	}
	var times [2]time.Time
	r := receiver.NewOTLP(t, func(n int) (*coltracepb.ExportTraceServiceResponse, error) {
		times[n-1] = time.Now()
		if n == 1 {
			return nil, throttled.Err()
		}
		return nil, nil
	})
	err = to(r, otlp.GRPC).run(t, func(tr opentracing.Tracer) {
		tr.StartSpan("call").Finish()
		testkit.Eventually(t, "the span arrives", func() bool { return len(r.Spans()) == 1 })
	})
	if have := times[1].Sub(times[0]); err != nil || have < pause {
		t.Errorf("have %v and a pause of %v, want at least %v", err, have, pause)
	}
}

// TestTimeout sends to a collector that does not answer the first request.
func TestTimeout(t *testing.T) {
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			r := receiver.NewOTLP(t, nil)
			release := make(chan struct{})
			r.HangOnce(release)
			t.Cleanup(func() { close(release) }) // before the servers are stopped
			s := to(r, protocol)
			s.variables(t, map[string]string{"OTEL_EXPORTER_OTLP_TIMEOUT": "50"})
			start := time.Now()
			err := s.run(t, func(tr opentracing.Tracer) {
				tr.StartSpan("call").Finish()
				testkit.Eventually(t, "the span is sent again", func() bool {
					return len(r.Spans()) == 1
				})
				if took := time.Since(start); took > 9*time.Second {
					t.Errorf("sent again after %v, as without the variable", took)
				}
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

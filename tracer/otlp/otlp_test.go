package otlp_test

import (
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	"github.com/opentracing/opentracing-go/log"
	"github.com/openzipkin/zipkin-go/model"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"

	"bookservice/tracer"
	"bookservice/tracer/otlp"
	"bookservice/tracer/tracertest/receiver"
	"bookservice/tracer/tracertest/testkit"
)

// TestFieldByField compares each message that arrives with the expected one.
func TestFieldByField(t *testing.T) {
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			r := receiver.NewOTLP(t, nil)
			s := to(r, protocol)
			s.variables(t, map[string]string{"OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test," +
				"service.name=not%20this,service.version=0"})
			s.OTLP.Headers, s.ServiceName = "x-key=s%3Dcret", "bookserver"
			s.Address, s.ServiceVersion = "127.0.0.1:50051", "1.2.3"
			start := time.Unix(1700000000, 123456789)
			if err := s.run(t, func(tr opentracing.Tracer) { finishAll(t, tr, start) }); err != nil {
				t.Fatal(err)
			}
			if n := len(r.Requests()); n != 1 || len(r.ResourceSpans()) != 1 {
				t.Fatalf("have %d requests with %d resources, want one of each", n, len(r.ResourceSpans()))
			}
			if key := r.Requests()[0].Header.Get("x-key"); len(key) != 1 || key[0] != "s=cret" {
				t.Errorf("have the header %q", key)
			}
			have := r.ResourceSpans()[0]
			id := have.GetScopeSpans()[0].GetSpans()[0].GetSpanId()
			if len(id) != 8 {
				t.Errorf("have a span id of %d bytes", len(id))
			}
			resource := have.GetResource().GetAttributes()
			have.Resource = nil
			if diff := cmp.Diff(wantSpan(start, id), have, protocmp.Transform()); diff != "" {
				t.Errorf("-want +have\n%s", diff)
			}
			wantResource := []*commonpb.KeyValue{
				kv("service.name", "bookserver"), kv("service.version", "1.2.3"),
				kv("service.instance.id", "127.0.0.1:50051"), kv("deployment.environment.name", "test"),
			}
			if diff := cmp.Diff(wantResource, resource, protocmp.Transform()); diff != "" {
				t.Errorf("resource: -want +have\n%s", diff)
			}
		})
	}
}

// finishAll finishes a span that has everything a span can have.
func finishAll(t *testing.T, tr opentracing.Tracer, start time.Time) {
	t.Helper()
	sc, err := tr.Extract(opentracing.TextMap, opentracing.TextMapCarrier{
		"traceparent": "00-" + trace128 + "-" + parent1 + "-01", "tracestate": "a=b"})
	if err != nil {
		t.Fatal(err)
	}
	s := tr.StartSpan("call", opentracing.ChildOf(sc), opentracing.StartTime(start), ext.SpanKindRPCServer)
	s.SetTag("text", "t").SetTag("bool", true).SetTag("int", int32(-7)).SetTag("uint", uint64(7))
	s.SetTag("float", 2.5).SetTag("duration", time.Second)
	s.SetTag("peer.service", "caller").SetTag("peer.address", "10.0.0.1:99")
	s.SetTag("error", true)
	at := start.Add(time.Millisecond)
	s.FinishWithOptions(opentracing.FinishOptions{
		FinishTime: start.Add(time.Second),
		LogRecords: []opentracing.LogRecord{
			{Timestamp: at, Fields: []log.Field{log.String("event", "retry"), log.Int("try", 2),
				log.Bool("last", true), log.Float64("wait", 0.5)}},
			{Timestamp: at, Fields: []log.Field{log.String("event", "error"),
				log.Error(errors.New("disk on fire")), log.String("message", "again"),
				log.String("stack", "main.go:1")}},
			{Timestamp: at, Fields: []log.Field{log.String("k", "v")}},
		},
	})
}

// wantSpan returns what finishAll must send.
func wantSpan(start time.Time, id []byte) *tracepb.ResourceSpans {
	nanos := uint64(start.UnixNano())
	return &tracepb.ResourceSpans{ScopeSpans: []*tracepb.ScopeSpans{{
		Scope: &commonpb.InstrumentationScope{Name: "bookservice/tracer"},
		Spans: []*tracepb.Span{{
			TraceId: bytesOf(trace128), SpanId: id, ParentSpanId: bytesOf(parent1), TraceState: "a=b",
			Flags: 0x301, Name: "call", Kind: tracepb.Span_SPAN_KIND_SERVER,
			StartTimeUnixNano: nanos, EndTimeUnixNano: nanos + 1e9,
			Attributes: []*commonpb.KeyValue{
				kv("text", "t"), kv("bool", true), kv("int", -7), kv("uint", 7), kv("float", 2.5),
				kv("duration", "1s"), kv("peer.service", "caller"),
				kv("network.peer.address", "10.0.0.1"), kv("network.peer.port", 99),
			},
			Status: &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR, Message: "disk on fire"},
			Events: []*tracepb.Span_Event{
				{TimeUnixNano: nanos + 1e6, Name: "retry", Attributes: []*commonpb.KeyValue{
					kv("try", 2), kv("last", true), kv("wait", 0.5)}},
				{TimeUnixNano: nanos + 1e6, Name: "exception", Attributes: []*commonpb.KeyValue{
					kv("exception.message", "disk on fire"), kv("message", "again"),
					kv("exception.stacktrace", "main.go:1")}},
				{TimeUnixNano: nanos + 1e6, Name: "log", Attributes: []*commonpb.KeyValue{kv("k", "v")}},
			},
		}},
	}}}
}

func bytesOf(hex string) []byte {
	id, err := model.TraceIDFromHex(hex)
	if err != nil {
		panic(err)
	}
	if len(hex) == 16 {
		return binary.BigEndian.AppendUint64(nil, id.Low)
	}
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, id.High), id.Low)
}

func kv(key string, value any) *commonpb.KeyValue {
	v := &commonpb.AnyValue{}
	switch value := value.(type) {
	case string:
		v.Value = &commonpb.AnyValue_StringValue{StringValue: value}
	case bool:
		v.Value = &commonpb.AnyValue_BoolValue{BoolValue: value}
	case int:
		v.Value = &commonpb.AnyValue_IntValue{IntValue: int64(value)}
	case float64:
		v.Value = &commonpb.AnyValue_DoubleValue{DoubleValue: value}
	}
	return &commonpb.KeyValue{Key: key, Value: v}
}

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
	return &coltracepb.ExportTraceServiceResponse{PartialSuccess: &coltracepb.ExportTracePartialSuccess{
		RejectedSpans: 1, ErrorMessage: "odd"}}, nil
}

// TestFaults counts the requests and the spans that arrive when the collector refuses some.
func TestFaults(t *testing.T) {
	t.Parallel()
	throttled, err := status.New(codes.ResourceExhausted, "full").WithDetails(
		&errdetails.RetryInfo{RetryDelay: durationpb.New(time.Millisecond)})
	if err != nil {
		t.Fatal(err)
	}
	fails := func(code codes.Code) error { return status.Error(code, "refused") }
	for name, test := range map[string]struct {
		protocol        string
		answer          receiver.Answer
		requests, spans int
	}{
		"grpc unavailable":     {otlp.GRPC, refuseFirst(2, fails(codes.Unavailable)), 3, 1},
		"grpc throttled":       {otlp.GRPC, refuseFirst(2, throttled.Err()), 3, 1},
		"grpc exhausted":       {otlp.GRPC, refuseFirst(2, fails(codes.ResourceExhausted)), 1, 0},
		"grpc invalid":         {otlp.GRPC, refuseFirst(9, fails(codes.InvalidArgument)), 1, 0},
		"grpc partial success": {otlp.GRPC, rejectOne, 1, 0},
		"http unavailable":     {otlp.HTTP, refuseFirst(2, receiver.HTTPError{Status: 503}), 3, 1},
		"http too many":        {otlp.HTTP, refuseFirst(1, receiver.HTTPError{Status: 429, RetryAfter: "0"}), 2, 1},
		"http bad request":     {otlp.HTTP, refuseFirst(9, receiver.HTTPError{Status: 400}), 1, 0},
		"http partial success": {otlp.HTTP, rejectOne, 1, 0},
		"http gateway timeout": {otlp.HTTP, refuseFirst(1, receiver.HTTPError{Status: 504}), 2, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := receiver.NewOTLP(t, test.answer)
			var m tracer.Metrics
			err := to(r, test.protocol).run(t, func(tr opentracing.Tracer) {
				tr.StartSpan("call").Finish()
				testkit.Eventually(t, "the requests arrive", func() bool { return len(r.Requests()) >= test.requests })
			}, tracer.WithMetrics(&m))
			if err != nil {
				t.Error(err)
			}
			if n, spans := len(r.Requests()), len(r.Spans()); n != test.requests || spans != test.spans {
				t.Errorf("have %d requests and %d spans, want %d and %d", n, spans, test.requests, test.spans)
			}
			s := m.Stats().Sinks["otlp"]
			if s.Sent != uint64(test.spans) || s.Dropped != uint64(1-test.spans) {
				t.Errorf("have %+v, want %d sent and the others dropped", s, test.spans)
			}
		})
	}
}

func TestSettings(t *testing.T) {
	for _, test := range []struct {
		want   string
		change func(*otlp.Config)
	}{
		{`-otlp-protocol "udp": must be grpc or http/protobuf`,
			func(c *otlp.Config) { c.Protocol = "udp" }},
		{`-otlp-endpoint "here:4317": must be like http://127.0.0.1:4317`,
			func(c *otlp.Config) { c.Endpoint = "here:4317" }},
		{`-otlp-endpoint "http://xxxxx@h:4317": must have no user: set headers for credentials`,
			func(c *otlp.Config) { c.Endpoint = "http://u:s3cret@h:4317" }},
		{`-otlp-headers: must be name=value pairs with percent-encoded values; pair 2 is not`,
			func(c *otlp.Config) { c.Headers = "a=b,secret" }},
		{`-otlp-headers: must have names and values that HTTP allows; pair 1 has not`,
			func(c *otlp.Config) { c.Headers = "a b=secret" }},
	} {
		for _, backend := range []string{"otlp", "noop"} {
			s := config(backend)
			test.change(&s.OTLP)
			if err := s.Validate(otlp.Backend(&s.OTLP)); err == nil || err.Error() != test.want {
				t.Errorf("%s: have %v, want %s", backend, err, test.want)
			}
		}
	}
}

// TestTimeout sends to a collector that accepts the first request and never answers it.
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
				testkit.Eventually(t, "the span is sent again", func() bool { return len(r.Spans()) == 1 })
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

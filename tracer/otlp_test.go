package tracer_test

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
)

// TestOTLPFieldByField compares what arrives with what should, message by message.
func TestOTLPFieldByField(t *testing.T) {
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test,service.name=not%20this,service.version=0")
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			r := newReceiver(t, nil)
			c := config("otlp")
			c.OTLP.Protocol, c.OTLP.Endpoint, c.OTLP.Headers = protocol, r.at(protocol), "x-key=s%3Dcret"
			c.Address, c.ServiceVersion = "127.0.0.1:50051", "1.2.3"
			tr, closer, err := tracer.Open(t.Context(), c, tracer.WithLogger(quiet))
			if err != nil {
				t.Fatal(err)
			}
			sc, err := tr.Extract(opentracing.TextMap, opentracing.TextMapCarrier{
				"traceparent": "00-" + trace128 + "-" + parent1 + "-01", "tracestate": "a=b"})
			if err != nil {
				t.Fatal(err)
			}
			start := time.Unix(1700000000, 123456789)
			s := tr.StartSpan("call", opentracing.ChildOf(sc), opentracing.StartTime(start), ext.SpanKindRPCServer)
			s.SetTag("text", "t").SetTag("bool", true).SetTag("int", int32(-7)).SetTag("uint", uint64(7)).SetTag("float", 2.5)
			s.SetTag("duration", time.Second).SetTag("peer.service", "caller").SetTag("peer.address", "10.0.0.1:99")
			s.SetTag("error", true)
			at := start.Add(time.Millisecond)
			s.FinishWithOptions(opentracing.FinishOptions{FinishTime: start.Add(time.Second), LogRecords: []opentracing.LogRecord{
				{Timestamp: at, Fields: []log.Field{log.String("event", "retry"), log.Int("try", 2), log.Bool("last", true), log.Float64("wait", 0.5)}},
				{Timestamp: at, Fields: []log.Field{log.String("event", "error"), log.Error(errors.New("disk on fire")), log.String("message", "again"), log.String("stack", "main.go:1")}},
				{Timestamp: at, Fields: []log.Field{log.String("k", "v")}},
			}})
			if err := closer.Close(); err != nil {
				t.Fatal(err)
			}
			if len(r.spans) != 1 || r.headers[0] != "s=cret" {
				t.Fatalf("have %d requests with header %q", len(r.spans), r.headers)
			}
			have := r.spans[0]
			id := have.GetScopeSpans()[0].GetSpans()[0].GetSpanId()
			nanos := uint64(start.UnixNano())
			want := &tracepb.ResourceSpans{ScopeSpans: []*tracepb.ScopeSpans{{
				Scope: &commonpb.InstrumentationScope{Name: "bookservice/tracer"},
				Spans: []*tracepb.Span{{
					TraceId: bytesOf(trace128), SpanId: id, ParentSpanId: bytesOf(parent1), TraceState: "a=b", Flags: 0x301,
					Name: "call", Kind: tracepb.Span_SPAN_KIND_SERVER, StartTimeUnixNano: nanos, EndTimeUnixNano: nanos + 1e9,
					Attributes: []*commonpb.KeyValue{kv("text", "t"), kv("bool", true), kv("int", -7), kv("uint", 7), kv("float", 2.5),
						kv("duration", "1s"), kv("peer.service", "caller"), kv("network.peer.address", "10.0.0.1"), kv("network.peer.port", 99)},
					Status: &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR, Message: "disk on fire"},
					Events: []*tracepb.Span_Event{
						{TimeUnixNano: nanos + 1e6, Name: "retry", Attributes: []*commonpb.KeyValue{kv("try", 2), kv("last", true), kv("wait", 0.5)}},
						{TimeUnixNano: nanos + 1e6, Name: "exception", Attributes: []*commonpb.KeyValue{
							kv("exception.message", "disk on fire"), kv("message", "again"), kv("exception.stacktrace", "main.go:1")}},
						{TimeUnixNano: nanos + 1e6, Name: "log", Attributes: []*commonpb.KeyValue{kv("k", "v")}},
					},
				}},
			}}}
			if len(id) != 8 {
				t.Errorf("have a span id of %d bytes", len(id))
			}
			resource := have.GetResource().GetAttributes()
			have.Resource = nil
			if diff := cmp.Diff(want, have, protocmp.Transform()); diff != "" {
				t.Errorf("-want +have\n%s", diff)
			}
			wantResource := []*commonpb.KeyValue{kv("service.name", "bookserver"), kv("service.version", "1.2.3"),
				kv("service.instance.id", "127.0.0.1:50051"), kv("deployment.environment.name", "test")}
			if diff := cmp.Diff(wantResource, resource, protocmp.Transform()); diff != "" {
				t.Errorf("resource: -want +have\n%s", diff)
			}
		})
	}
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

// TestOTLPFaults has the collector refuse, and counts the requests and the spans that arrive.
func TestOTLPFaults(t *testing.T) {
	t.Parallel()
	first := func(n int, err error) func(int) (*coltracepb.ExportTraceServiceResponse, error) {
		return func(i int) (*coltracepb.ExportTraceServiceResponse, error) {
			if i <= n {
				return nil, err
			}
			return nil, nil
		}
	}
	throttled, err := status.New(codes.ResourceExhausted, "full").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(time.Millisecond)})
	if err != nil {
		t.Fatal(err)
	}
	partial := func(int) (*coltracepb.ExportTraceServiceResponse, error) {
		return &coltracepb.ExportTraceServiceResponse{PartialSuccess: &coltracepb.ExportTracePartialSuccess{RejectedSpans: 1, ErrorMessage: "odd"}}, nil
	}
	for name, test := range map[string]struct {
		protocol        string
		refuse          func(int) (*coltracepb.ExportTraceServiceResponse, error)
		requests, spans int
	}{
		"grpc unavailable":      {tracer.OTLPGRPC, first(2, status.Error(codes.Unavailable, "later")), 3, 1},
		"grpc throttled":        {tracer.OTLPGRPC, first(2, throttled.Err()), 3, 1},
		"grpc exhausted":        {tracer.OTLPGRPC, first(2, status.Error(codes.ResourceExhausted, "never")), 1, 0},
		"grpc invalid":          {tracer.OTLPGRPC, first(9, status.Error(codes.InvalidArgument, "bad")), 1, 0},
		"grpc partial success":  {tracer.OTLPGRPC, partial, 1, 0},
		"http unavailable":      {tracer.OTLPHTTP, first(2, httpRefusal{503, ""}), 3, 1},
		"http too many":         {tracer.OTLPHTTP, first(1, httpRefusal{429, "0"}), 2, 1},
		"http bad request":      {tracer.OTLPHTTP, first(9, httpRefusal{400, ""}), 1, 0},
		"http partial success":  {tracer.OTLPHTTP, partial, 1, 0},
		"http gateway time-out": {tracer.OTLPHTTP, first(1, httpRefusal{504, ""}), 2, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newReceiver(t, test.refuse)
			c := config("otlp")
			c.OTLP.Protocol, c.OTLP.Endpoint = test.protocol, r.at(test.protocol)
			var m tracer.Metrics
			tr, closer, err := tracer.Open(t.Context(), c, tracer.WithLogger(quiet), tracer.WithMetrics(&m))
			if err != nil {
				t.Fatal(err)
			}
			tr.StartSpan("call").Finish()
			eventually(t, "the collector was asked", func() bool { return r.count() >= test.requests })
			if err := closer.Close(); err != nil {
				t.Error(err)
			}
			if n, spans := r.count(), len(r.received()); n != test.requests || spans != test.spans {
				t.Errorf("have %d requests and %d spans, want %d and %d", n, spans, test.requests, test.spans)
			}
			if s := m.Stats().Sinks["otlp"]; s.Sent != uint64(test.spans) || s.Dropped != uint64(1-test.spans) {
				t.Errorf("have %+v, want %d sent and the rest dropped", s, test.spans)
			}
		})
	}
}

// TestOTLPHonoursOpenTelemetrysVariables sets nothing of ours.
func TestOTLPHonoursOpenTelemetrysVariables(t *testing.T) {
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			r := newReceiver(t, nil)
			t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", r.at(protocol))
			t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=abc")
			t.Setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
			tr, closer, err := tracer.Open(t.Context(), config("otlp"), tracer.WithLogger(quiet))
			if err != nil {
				t.Fatal(err)
			}
			tr.StartSpan("call").Finish()
			if err := closer.Close(); err != nil {
				t.Fatal(err)
			}
			if len(r.received()) != 1 || r.headers[0] != "abc" || r.zipped != 1 {
				t.Errorf("have %d spans with header %q, %d requests zipped", len(r.received()), r.headers, r.zipped)
			}
		})
	}
}

func TestOTLPSettings(t *testing.T) {
	for _, test := range []struct {
		want   string
		change func(*tracer.Config)
	}{
		{`tracer: otlp-protocol "udp": must be grpc or http/protobuf`, func(c *tracer.Config) { c.OTLP.Protocol = "udp" }},
		{`tracer: otlp-endpoint "here:4317": must be like http://127.0.0.1:4317`, func(c *tracer.Config) { c.OTLP.Endpoint = "here:4317" }},
		{`tracer: otlp-endpoint "http://u:xxxxx@h:4317": must have no user: credentials are headers here`, func(c *tracer.Config) { c.OTLP.Endpoint = "http://u:s3cret@h:4317" }},
		{`tracer: otlp-headers: pair 2: must be key=value with a percent-encoded value`, func(c *tracer.Config) { c.OTLP.Headers = "a=b,secret" }},
		{`tracer: OTEL_EXPORTER_OTLP_TRACES_PROTOCOL "udp": must be grpc or http/protobuf`, func(*tracer.Config) { t.Setenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "udp") }},
	} {
		c := config("otlp")
		test.change(&c)
		if err := c.Validate(); err == nil || err.Error() != test.want {
			t.Errorf("have %v, want %s", err, test.want)
		}
	}
}

// TestOTLPTimeout has a collector that takes the first request and never answers it.
func TestOTLPTimeout(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "50")
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			released := make(chan struct{})
			r := newReceiver(t, nil)
			r.hang = released
			t.Cleanup(func() { close(released) }) // before the servers are stopped
			c := config("otlp")
			c.OTLP.Protocol, c.OTLP.Endpoint = protocol, r.at(protocol)
			tr, closer, err := tracer.Open(t.Context(), c, tracer.WithLogger(quiet))
			if err != nil {
				t.Fatal(err)
			}
			tr.StartSpan("call").Finish()
			start := time.Now()
			eventually(t, "it is sent again", func() bool { return len(r.received()) == 1 })
			if took := time.Since(start); took > 9*time.Second {
				t.Errorf("sent again after %v, as without the variable", took)
			}
			if err := closer.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

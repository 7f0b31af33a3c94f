package otlp_test

import (
	"encoding/binary"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	"github.com/opentracing/opentracing-go/log"
	"github.com/openzipkin/zipkin-go/model"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/testing/protocmp"

	"bookservice/tracer/otlp"
	"bookservice/tracer/tracertest/receiver"
)

// TestEveryFieldOfARequest compares a request with all possible fields with the expected message.
func TestEveryFieldOfARequest(t *testing.T) {
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			r := receiver.NewOTLP(t, nil)
			s := to(r, protocol)
			s.variables(t, map[string]string{
				"OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test," +
					"service.name=not%20this,service.version=0",
			})
			s.OTLP.Headers, s.ServiceName = "x-key=s%3Dcret", "bookserver"
			s.Address, s.ServiceVersion = "127.0.0.1:50051", "1.2.3"
			start := time.Unix(1700000000, 123456789)
			err := s.run(t, func(tr opentracing.Tracer) { finishAll(t, tr, start) })
			if err != nil {
				t.Fatal(err)
			}
			if n := len(r.Requests()); n != 1 || len(r.ResourceSpans()) != 1 {
				t.Fatalf("have %d requests with %d resources, want one of each",
					n, len(r.ResourceSpans()))
			}
			if key := r.Requests()[0].Header.Get("x-key"); len(key) != 1 || key[0] != "s=cret" {
				t.Errorf("have header %q, want s=cret", key)
			}
			have := r.ResourceSpans()[0]
			id := have.GetScopeSpans()[0].GetSpans()[0].GetSpanId()
			if len(id) != 8 {
				t.Errorf("have a span id of %d bytes, want 8", len(id))
			}
			resource := have.GetResource().GetAttributes()
			have.Resource = nil
			if diff := cmp.Diff(wantSpan(start, id), have, protocmp.Transform()); diff != "" {
				t.Errorf("-want +have\n%s", diff)
			}
			wantResource := []*commonpb.KeyValue{
				kv("service.name", "bookserver"), kv("service.version", "1.2.3"),
				kv("service.instance.id", "127.0.0.1:50051"),
				kv("deployment.environment.name", "test"),
			}
			if diff := cmp.Diff(wantResource, resource, protocmp.Transform()); diff != "" {
				t.Errorf("resource: -want +have\n%s", diff)
			}
		})
	}
}

// finishAll finishes a span with all possible fields.
func finishAll(t *testing.T, tr opentracing.Tracer, start time.Time) {
	t.Helper()
	sc, err := tr.Extract(opentracing.TextMap, opentracing.TextMapCarrier{
		"traceparent": "00-" + trace128 + "-" + parent1 + "-01", "tracestate": "a=b",
	})
	if err != nil {
		t.Fatal(err)
	}
	s := tr.StartSpan("call", opentracing.ChildOf(sc), opentracing.StartTime(start),
		ext.SpanKindRPCServer)
	s.SetTag("text", "t").SetTag("bool", true).SetTag("int", int32(-7)).SetTag("uint", uint64(7))
	s.SetTag("float", 2.5).SetTag("duration", time.Second)
	s.SetTag("peer.service", "caller").SetTag("peer.address", "10.0.0.1:99")
	s.SetTag("error", true)
	at := start.Add(time.Millisecond)
	s.FinishWithOptions(opentracing.FinishOptions{
		FinishTime: start.Add(time.Second),
		LogRecords: []opentracing.LogRecord{
			{Timestamp: at, Fields: []log.Field{
				log.String("event", "retry"), log.Int("try", 2), log.Bool("last", true),
				log.Float64("wait", 0.5),
			}},
			{Timestamp: at, Fields: []log.Field{
				log.String("event", "error"), log.Error(errors.New("disk full")),
				log.String("message", "again"), log.String("stack", "main.go:1"),
			}},
			{Timestamp: at, Fields: []log.Field{log.String("k", "v")}},
		},
	})
}

// wantSpan returns the message that finishAll must send.
func wantSpan(start time.Time, id []byte) *tracepb.ResourceSpans {
	nanos := uint64(start.UnixNano())
	return &tracepb.ResourceSpans{ScopeSpans: []*tracepb.ScopeSpans{{
		Scope: &commonpb.InstrumentationScope{Name: "bookservice/tracer"},
		Spans: []*tracepb.Span{{
			TraceId: bytesOf(trace128), SpanId: id, ParentSpanId: bytesOf(parent1),
			TraceState: "a=b", Flags: 0x301, Name: "call", Kind: tracepb.Span_SPAN_KIND_SERVER,
			StartTimeUnixNano: nanos, EndTimeUnixNano: nanos + 1e9,
			Attributes: []*commonpb.KeyValue{
				kv("text", "t"), kv("bool", true), kv("int", -7), kv("uint", 7), kv("float", 2.5),
				kv("duration", "1s"), kv("peer.service", "caller"),
				kv("network.peer.address", "10.0.0.1"), kv("network.peer.port", 99),
			},
			Status: &tracepb.Status{
				Code: tracepb.Status_STATUS_CODE_ERROR, Message: "disk full",
			},
			Events: []*tracepb.Span_Event{
				{TimeUnixNano: nanos + 1e6, Name: "retry", Attributes: []*commonpb.KeyValue{
					kv("try", 2), kv("last", true), kv("wait", 0.5),
				}},
				{TimeUnixNano: nanos + 1e6, Name: "exception", Attributes: []*commonpb.KeyValue{
					kv("exception.message", "disk full"), kv("message", "again"),
					kv("exception.stacktrace", "main.go:1"),
					kv("exception.type", "*errors.errorString"),
				}},
				{TimeUnixNano: nanos + 1e6, Name: "log", Attributes: []*commonpb.KeyValue{
					kv("k", "v"),
				}},
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
	case int64:
		v.Value = &commonpb.AnyValue_IntValue{IntValue: value}
	case float64:
		v.Value = &commonpb.AnyValue_DoubleValue{DoubleValue: value}
	}
	return &commonpb.KeyValue{Key: key, Value: v}
}

// resourceOf returns the attributes of the resource, by key.
func resourceOf(t *testing.T, change func(*settings)) map[string]string {
	t.Helper()
	r := receiver.NewOTLP(t, nil)
	s := to(r, otlp.GRPC)
	change(s)
	if err := s.sendOne(t); err != nil {
		t.Fatal(err)
	}
	attributes := map[string]string{}
	for _, a := range r.ResourceSpans()[0].GetResource().GetAttributes() {
		attributes[a.GetKey()] = a.GetValue().GetStringValue()
	}
	return attributes
}

// TestResourceOfAClient has no address, and no version. The instance has a random UUID.
func TestResourceOfAClient(t *testing.T) {
	const x4 = `[0-9a-f]{4}`
	uuid := regexp.MustCompile(`^` + x4 + x4 + `-` + x4 + `-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-` +
		x4 + x4 + x4 + `$`)
	ids := map[string]bool{}
	for range 2 {
		have := resourceOf(t, func(*settings) {})
		id := have["service.instance.id"]
		if len(have) != 2 || have["service.name"] != "bookserver" || !uuid.MatchString(id) ||
			ids[id] {
			t.Errorf("have %v, want the name and a new UUID", have)
		}
		ids[id] = true
	}
}

// TestResourceAttributesIdentifyTheService checks which attributes of the user are used.
func TestResourceAttributesIdentifyTheService(t *testing.T) {
	have := resourceOf(t, func(s *settings) {
		s.Resource = map[string]string{
			"service.name": "other", "service.version": "1.2", "service.instance.id": "a7",
			"zone": "b",
		}
	})
	want := map[string]string{
		"service.name": "bookserver", "service.version": "1.2", "service.instance.id": "a7",
		"zone": "b",
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("-want +have\n%s", diff)
	}
}

// TestLongResourceAttributesAreTruncated checks the limits of keys and values.
func TestLongResourceAttributesAreTruncated(t *testing.T) {
	have := resourceOf(t, func(s *settings) {
		s.Address = "127.0.0.1:1"
		s.Resource = map[string]string{
			strings.Repeat("k", 300): strings.Repeat("v", 5000), "invalid": "a\xffb",
		}
	})
	if len(have[strings.Repeat("k", 256)]) != 4096 || have["invalid"] != "a\uFFFDb" {
		t.Errorf("have %v, want key and value truncated", have)
	}
}

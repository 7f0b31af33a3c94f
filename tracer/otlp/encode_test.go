package otlp_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	"github.com/opentracing/opentracing-go/log"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/testing/protocmp"

	"bookservice/tracer/otlp"
	"bookservice/tracer/tracertest/receiver"
)

// exported returns the spans that a collector receives when do uses the tracer.
func exported(t *testing.T, do func(opentracing.Tracer)) []*tracepb.Span {
	t.Helper()
	r := receiver.NewOTLP(t, nil)
	if err := to(r, otlp.GRPC).run(t, do); err != nil {
		t.Fatal(err)
	}
	var spans []*tracepb.Span
	for _, s := range r.ResourceSpans() {
		spans = append(spans, s.GetScopeSpans()[0].GetSpans()...)
	}
	return spans
}

type kvs = []*commonpb.KeyValue

// TestAttributesAreUnique checks that attribute keys are unique (opentelemetry-proto, common/v1),
// however often and under whichever name a value is set.
func TestAttributesAreUnique(t *testing.T) {
	for name, test := range map[string]struct {
		set    func(opentracing.Span)
		span   kvs
		events kvs
	}{
		"two addresses": {func(s opentracing.Span) {
			s.SetTag("peer.address", "10.0.0.1:99").SetTag("peer.ipv4", "10.0.0.2")
			s.SetTag("peer.ipv6", "fe80::1").SetTag("peer.port", 98)
		}, kvs{kv("network.peer.address", "fe80::1"), kv("network.peer.port", 98)}, nil},
		"names of OpenTelemetry and of OpenTracing": {func(s opentracing.Span) {
			s.SetTag("network.peer.port", 1).SetTag("network.peer.address", "::1")
			s.SetTag("peer.address", "10.0.0.1:99")
		}, kvs{kv("network.peer.port", 1), kv("network.peer.address", "::1")}, nil},
		"no IP address": {func(s opentracing.Span) { s.SetTag("peer.address", "books.example:99") },
			kvs{kv("peer.address", "books.example:99"), kv("server.address", "books.example"),
				kv("server.port", 99)}, nil},
		"repeated fields": {func(s opentracing.Span) {
			s.LogFields(log.String("event", "retry"), log.Int("n", 1), log.Int("n", 2),
				log.String("event", "again"))
		}, nil, kvs{kv("n", 1)}},
		"names of an exception": {func(s opentracing.Span) {
			s.LogFields(log.String("event", "error"), log.String("exception.message", "a"),
				log.Error(errors.New("b")), log.String("message", "c"),
				log.String("exception.message", "d"))
		}, nil, kvs{kv("exception.message", "a"), kv("error.object", "b"), kv("message", "c"),
			kv("exception.type", "*errors.errorString")}},
		"kind of an error": {func(s opentracing.Span) {
			s.LogFields(log.String("event", "error"), log.String("error.kind", "a"),
				log.String("stack", "b"))
		}, nil, kvs{kv("exception.type", "a"), kv("exception.stacktrace", "b"),
			kv("exception.message", "a")}},
		"same names without an error": {func(s opentracing.Span) {
			s.LogFields(log.String("message", "a"), log.String("stack", "b"))
		}, nil, kvs{kv("message", "a"), kv("stack", "b")}},
	} {
		t.Run(name, func(t *testing.T) {
			spans := exported(t, func(tr opentracing.Tracer) {
				s := tr.StartSpan("call")
				test.set(s)
				s.Finish()
			})
			if len(spans) != 1 {
				t.Fatalf("have %d spans, want 1", len(spans))
			}
			have := spans[0].GetAttributes()
			if diff := cmp.Diff(test.span, have, protocmp.Transform()); diff != "" {
				t.Errorf("attributes: -want +have\n%s", diff)
			}
			var events kvs
			for _, e := range spans[0].GetEvents() {
				events = append(events, e.GetAttributes()...)
			}
			if diff := cmp.Diff(test.events, events, protocmp.Transform()); diff != "" {
				t.Errorf("event: -want +have\n%s", diff)
			}
		})
	}
}

// TestFlagsOfRemoteParents checks the flags of a span that is re-parented to the remote parent of
// an abandoned span, of its child, and of a root.
func TestFlagsOfRemoteParents(t *testing.T) {
	spans := exported(t, func(tr opentracing.Tracer) {
		sc, err := tr.Extract(opentracing.TextMap, opentracing.TextMapCarrier{
			"traceparent": "00-" + trace128 + "-" + parent1 + "-01",
		})
		if err != nil {
			t.Fatal(err)
		}
		outer := tr.StartSpan("outer", ext.RPCServerOption(sc))
		inner := tr.StartSpan("inner", ext.SpanKindRPCServer, opentracing.ChildOf(outer.Context()))
		tr.StartSpan("local", opentracing.ChildOf(inner.Context())).Finish()
		inner.Finish()
		tr.StartSpan("root").Finish()
	})
	const local, remote = 0x101, 0x301
	want := map[string]uint32{"inner": remote, "local": local, "root": local}
	have := map[string]uint32{}
	for _, s := range spans {
		have[s.GetName()] = s.GetFlags()
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("flags: -want +have\n%s", diff)
	}
}

// TestAttributesKeepTheirTypes sets tags of every type. A number that does not fit in an int64, and
// one with a method String, is text.
func TestAttributesKeepTheirTypes(t *testing.T) {
	type count int8
	want := kvs{}
	spans := exported(t, func(tr opentracing.Tracer) {
		s := tr.StartSpan("call")
		for i, test := range []struct{ value, want any }{
			{"7", "7"}, {true, true}, {false, false}, {0, 0}, {-1, -1}, {int8(-2), -2},
			{int16(-3), -3}, {int32(-4), -4}, {int64(math.MinInt64), int64(math.MinInt64)},
			{uint(1), 1}, {uint8(2), 2}, {uint16(3), 3}, {uint32(4), 4},
			{uint64(math.MaxInt64), int64(math.MaxInt64)},
			{uint64(math.MaxInt64 + 1), "9223372036854775808"},
			{^uint(0), "18446744073709551615"}, {float32(0.5), 0.5}, {0.25, 0.25},
			{count(5), 5}, {time.Second, "1s"}, {time.March, "March"}, {[]int{1}, "[1]"}, {nil, ""},
		} {
			key := fmt.Sprint("k", i)
			s.SetTag(key, test.value)
			want = append(want, kv(key, test.want))
		}
		s.Finish()
	})
	if diff := cmp.Diff(want, spans[0].GetAttributes(), protocmp.Transform()); diff != "" {
		t.Errorf("-want +have\n%s", diff)
	}
}

// TestTruncatedNumberIsText logs a number of which only the beginning fits in the log record.
func TestTruncatedNumberIsText(t *testing.T) {
	spans := exported(t, func(tr opentracing.Tracer) {
		s := tr.StartSpan("call")
		s.LogFields(log.String("a", strings.Repeat("v", 1<<12-8)), log.Int("n", 12345))
		s.Finish()
	})
	n := spans[0].GetEvents()[0].GetAttributes()[1]
	if diff := cmp.Diff(kv("n", "123"), n, protocmp.Transform()); diff != "" {
		t.Errorf("-want +have\n%s", diff)
	}
}

// TestStatus checks the status for each form of the tag error.
func TestStatus(t *testing.T) {
	failed := func(message string) *tracepb.Status {
		return &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR, Message: message}
	}
	for name, test := range map[string]struct {
		set  func(opentracing.Span)
		want *tracepb.Status
	}{
		"none":  {func(opentracing.Span) {}, nil},
		"false": {func(s opentracing.Span) { s.SetTag("error", false) }, nil},
		"true":  {func(s opentracing.Span) { s.SetTag("error", true) }, failed("")},
		"text":  {func(s opentracing.Span) { s.SetTag("error", "no paper") }, failed("no paper")},
	} {
		spans := exported(t, func(tr opentracing.Tracer) {
			s := tr.StartSpan("call")
			test.set(s)
			s.Finish()
		})
		if diff := cmp.Diff(test.want, spans[0].GetStatus(), protocmp.Transform()); diff != "" {
			t.Errorf("%s: -want +have\n%s", name, diff)
		}
		if n := len(spans[0].GetAttributes()); n != 0 {
			t.Errorf("%s: have %d attributes, want none", name, n)
		}
	}
}

// TestTimesThatCannotBeSentAreReplaced starts spans at times that OTLP or Zipkin cannot express.
// They start at the current time instead, and end after they start.
func TestTimesThatCannotBeSentAreReplaced(t *testing.T) {
	before := uint64(time.Now().UnixNano())
	spans := exported(t, func(tr opentracing.Tracer) {
		for _, at := range []time.Time{
			{}, time.Unix(0, 0), time.Unix(-1, 0), time.Unix(1<<40, 0), time.Unix(1<<62, 0),
		} {
			fields := []log.Field{log.String("event", "sent")}
			s := tr.StartSpan("call", opentracing.StartTime(at))
			s.FinishWithOptions(opentracing.FinishOptions{
				FinishTime: at.Add(1),
				LogRecords: []opentracing.LogRecord{{Timestamp: at, Fields: fields}},
			})
		}
		late := opentracing.FinishOptions{FinishTime: time.Unix(1<<62, 0)}
		tr.StartSpan("call").FinishWithOptions(late)
	})
	if len(spans) != 6 {
		t.Fatalf("have %d spans, want 6", len(spans))
	}
	for i, s := range spans {
		start, end := s.GetStartTimeUnixNano(), s.GetEndTimeUnixNano()
		now := uint64(time.Now().UnixNano())
		if start < before || start > now || end <= start {
			t.Errorf("span %d: have %d to %d, want a start from %d to %d",
				i, start, end, before, now)
		}
		for _, e := range s.GetEvents() {
			if at := e.GetTimeUnixNano(); at < before || at > now {
				t.Errorf("span %d: have an event at %d, want one from %d to %d", i, at, before, now)
			}
		}
	}
}

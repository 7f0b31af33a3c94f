package otlp_test

import (
	"errors"
	"testing"

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

// TestAttributesAreUnique checks that attribute keys are unique (opentelemetry-proto, common/v1),
// however often and under whichever name a value is set.
func TestAttributesAreUnique(t *testing.T) {
	for name, test := range map[string]struct {
		set    func(opentracing.Span)
		span   []*commonpb.KeyValue
		events []*commonpb.KeyValue
	}{
		"address twice": {func(s opentracing.Span) {
			s.SetTag("peer.address", "10.0.0.1:99").SetTag("peer.ipv4", "10.0.0.2").SetTag("peer.ipv6", "fe80::1").SetTag("peer.port", 98)
		}, []*commonpb.KeyValue{kv("network.peer.address", "fe80::1"), kv("network.peer.port", 98)}, nil},
		"OpenTelemetry's names beside OpenTracing's": {func(s opentracing.Span) {
			s.SetTag("network.peer.port", 1).SetTag("network.peer.address", "::1").SetTag("peer.address", "10.0.0.1:99")
		}, []*commonpb.KeyValue{kv("network.peer.port", 1), kv("network.peer.address", "::1")}, nil},
		"no address": {func(s opentracing.Span) { s.SetTag("peer.address", "books.example:99") },
			[]*commonpb.KeyValue{kv("peer.address", "books.example:99")}, nil},
		"fields": {func(s opentracing.Span) {
			s.LogFields(log.String("event", "retry"), log.Int("n", 1), log.Int("n", 2), log.String("event", "again"))
		}, nil, []*commonpb.KeyValue{kv("n", 1)}},
		"names of an exception": {func(s opentracing.Span) {
			s.LogFields(log.String("event", "error"), log.String("exception.message", "a"), log.Error(errors.New("b")), log.String("message", "c"),
				log.String("exception.message", "d"))
		}, nil, []*commonpb.KeyValue{kv("exception.message", "a"), kv("error.object", "b"), kv("message", "c")}},
	} {
		t.Run(name, func(t *testing.T) {
			spans := exported(t, func(tr opentracing.Tracer) {
				s := tr.StartSpan("call")
				test.set(s)
				s.Finish()
			})
			if len(spans) != 1 {
				t.Fatalf("have %d spans", len(spans))
			}
			if diff := cmp.Diff(test.span, spans[0].GetAttributes(), protocmp.Transform()); diff != "" {
				t.Errorf("attributes: -want +have\n%s", diff)
			}
			var events []*commonpb.KeyValue
			for _, e := range spans[0].GetEvents() {
				events = append(events, e.GetAttributes()...)
			}
			if diff := cmp.Diff(test.events, events, protocmp.Transform()); diff != "" {
				t.Errorf("event: -want +have\n%s", diff)
			}
		})
	}
}

// TestRemoteParent checks the flags of a span that is re-parented to the remote parent of an
// abandoned span.
func TestRemoteParent(t *testing.T) {
	spans := exported(t, func(tr opentracing.Tracer) {
		sc, err := tr.Extract(opentracing.TextMap, opentracing.TextMapCarrier{"traceparent": "00-" + trace128 + "-" + parent1 + "-01"})
		if err != nil {
			t.Fatal(err)
		}
		outer := tr.StartSpan("outer", ext.RPCServerOption(sc))
		inner := tr.StartSpan("inner", ext.SpanKindRPCServer, opentracing.ChildOf(outer.Context()))
		tr.StartSpan("local", opentracing.ChildOf(inner.Context())).Finish()
		inner.Finish()
	})
	const local, remote = 0x101, 0x301
	want := map[string]uint32{"inner": remote, "local": local}
	have := map[string]uint32{}
	for _, s := range spans {
		have[s.GetName()] = s.GetFlags()
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("flags: -want +have\n%s", diff)
	}
}

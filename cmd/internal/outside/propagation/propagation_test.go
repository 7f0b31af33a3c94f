package propagation_test

import (
	"context"
	"testing"

	"github.com/opentracing/opentracing-go"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"bookservice/tracer"
)

// TestTracesAreSharedWithOpenTelemetry calls from a service with OpenTelemetry's SDK through one
// with this tracer to another one with the SDK.
func TestTracesAreSharedWithOpenTelemetry(t *testing.T) {
	propagator := propagation.NewCompositeTextMapPropagator(
		propagation.TraceContext{}, propagation.Baggage{})
	provider := sdktrace.NewTracerProvider()
	defer func() { _ = provider.Shutdown(context.Background()) }()
	theirs := provider.Tracer("theirs")
	member, err := baggage.NewMemberRaw("user", "köln, am rhein")
	if err != nil {
		t.Fatal(err)
	}
	items, err := baggage.New(member)
	if err != nil {
		t.Fatal(err)
	}
	ctx, first := theirs.Start(baggage.ContextWithBaggage(t.Context(), items), "first")
	headers := propagation.MapCarrier{}
	propagator.Inject(ctx, headers)

	tr, spans := open(t)
	sc, err := tr.Extract(opentracing.TextMap, opentracing.TextMapCarrier(headers))
	if err != nil {
		t.Fatal(err)
	}
	middle := tr.StartSpan("middle", opentracing.ChildOf(sc))
	out := propagation.MapCarrier{}
	err = tr.Inject(middle.Context(), opentracing.TextMap, opentracing.TextMapCarrier(out))
	if err != nil {
		t.Fatal(err)
	}
	middle.Finish()
	have := spans.Spans()
	id := first.SpanContext().SpanID().String()
	if len(have) != 1 || have[0].ParentID == nil || have[0].ParentID.String() != id {
		t.Fatalf("have %v, want a child of span %s", have, id)
	}

	ctx = propagator.Extract(t.Context(), out)
	last := trace.SpanContextFromContext(ctx)
	own := middle.Context().(tracer.SpanContext)
	if last.TraceID() != first.SpanContext().TraceID() || last.SpanID().String() != own.SpanID() ||
		!last.IsSampled() || !last.IsRemote() {
		t.Errorf("have %+v, want span %s of trace %v",
			last, own.SpanID(), first.SpanContext().TraceID())
	}
	if have := baggage.FromContext(ctx).Member("user").Value(); have != "köln, am rhein" {
		t.Errorf("have baggage %q", have)
	}
}

// open opens a tracer that keeps its spans in memory.
func open(t *testing.T) (opentracing.Tracer, *tracer.Memory) {
	t.Helper()
	c := tracer.DefaultConfig()
	c.Backend, c.ServiceName = "memory", "books"
	spans := &tracer.Memory{}
	tr, closer, err := tracer.Open(t.Context(), c, tracer.WithMemory(spans))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := closer.Close(); err != nil {
			t.Error(err)
		}
	})
	return tr, spans
}

package budget_test

import (
	"context"
	"sync/atomic"
	"testing"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/grpc"

	"bookservice/cmd/internal/budget"
	"bookservice/service/bookgrpc"
)

func calls() []budget.Call {
	return []budget.Call{
		{Name: "raw gRPC", Open: budget.RawCall(nil, nil)},
		{Name: "raw gRPC, otelgrpc", Open: otelCall},
	}
}

// TestAllocationsOfACall logs the allocations of a call with otelgrpc. They have no limit.
func TestAllocationsOfACall(t *testing.T) { budget.Allocations(t, calls()) }

func BenchmarkTracedCall(b *testing.B) { budget.Benchmark(b, calls()) }

// otelCall is a [budget.Call.Open] for gRPC with the instrumentation of OpenTelemetry. All spans
// are recorded, and the exporter discards them.
func otelCall(t testing.TB) func() {
	var exported discard
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(&exported))
	opts := []otelgrpc.Option{
		otelgrpc.WithTracerProvider(provider),
		otelgrpc.WithPropagators(propagation.TraceContext{}),
	}
	t.Cleanup(func() {
		err := provider.Shutdown(context.Background())
		if have := exported.spans.Load(); err != nil || have == 0 {
			t.Errorf("have %d spans exported, and %v, want some", have, err)
		}
	})
	return budget.RawCall(
		append(bookgrpc.ServerOptions(), grpc.StatsHandler(otelgrpc.NewServerHandler(opts...))),
		append(bookgrpc.DialOptions(), grpc.WithStatsHandler(otelgrpc.NewClientHandler(opts...))),
	)(t)
}

// discard is an exporter that counts spans and discards them.
type discard struct{ spans atomic.Int64 }

// ExportSpans implements [sdktrace.SpanExporter].
func (d *discard) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	d.spans.Add(int64(len(spans)))
	return nil
}

// Shutdown implements [sdktrace.SpanExporter].
func (*discard) Shutdown(context.Context) error { return nil }

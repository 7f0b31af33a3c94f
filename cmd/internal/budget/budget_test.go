package budget_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/opentracing/opentracing-go"
	zipkinot "github.com/openzipkin-contrib/zipkin-go-opentracing"
	"github.com/openzipkin/zipkin-go"
	"github.com/openzipkin/zipkin-go/reporter"

	"bookservice/cmd/internal/budget"
	"bookservice/service/bookendpoint"
	"bookservice/service/bookgrpc"
	"bookservice/service/inmem"
	"bookservice/tracer"
)

var quiet = slog.New(slog.DiscardHandler)

func calls() []budget.Call {
	windows := budget.RawCall(bookgrpc.ServerOptions(), bookgrpc.DialOptions())
	noop := func(testing.TB) opentracing.Tracer { return opentracing.NoopTracer{} }
	return []budget.Call{
		{Name: "raw gRPC", Open: budget.RawCall(nil, nil)},
		{Name: "raw gRPC, fixed windows", Open: windows},
		{Name: "go-kit", Open: kitCall(nil)},
		{Name: "noop", Open: kitCall(noop)},
		{Name: "bare bridge", Open: kitCall(bareBridge)},
		{Name: "unsampled, w3c", Limit: 178, Open: kitCall(ours("w3c", 0))},
		{Name: "unsampled, b3", Limit: 178, Open: kitCall(ours("b3", 0))},
		{Name: "sampled, w3c", Limit: 193, Open: kitCall(ours("w3c", 1))},
		{Name: "sampled, b3", Limit: 193, Open: kitCall(ours("b3", 1))},
		{Name: "sampled, default headers", Limit: 208, Open: kitCall(ours("w3c,b3multi", 1))},
	}
}

// TestAllocationsOfACall limits the allocations of a traced call. Each limit is one more than the
// measured mean, because the runtime allocates too. It does not time calls.
func TestAllocationsOfACall(t *testing.T) {
	have := budget.Allocations(t, calls())
	if have["noop"] != have["go-kit"] {
		t.Errorf("noop: have %.0f allocations a call, want no more than go-kit's %.0f",
			have["noop"], have["go-kit"])
	}
}

func BenchmarkTracedCall(b *testing.B) { budget.Benchmark(b, calls()) }

// ours returns a function that opens our tracer. Its collector does not exist: spans are encoded
// and stay in the queue.
func ours(inject string, share float64) func(testing.TB) opentracing.Tracer {
	return func(t testing.TB) opentracing.Tracer {
		c := tracer.DefaultConfig()
		c.Backend, c.ServiceName, c.Sample = "zipkin", "books", share
		c.Propagation.Inject = inject
		c.Zipkin.URL, c.FlushTimeout = "http://127.0.0.1:1/api/v2/spans", 1
		tr, closer, err := tracer.Open(context.Background(), c, tracer.WithLogger(quiet))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = closer.Close() }) // returns an error: the spans are lost
		return tr
	}
}

// bareBridge opens zipkin-go-opentracing as its documentation does.
func bareBridge(t testing.TB) opentracing.Tracer {
	local, err := zipkin.NewEndpoint("books", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	tr, err := zipkin.NewTracer(reporter.NewNoopReporter(), zipkin.WithLocalEndpoint(local))
	if err != nil {
		t.Fatal(err)
	}
	return zipkinot.Wrap(tr)
}

// kitCall returns a [budget.Call.Open] for our server and client with their options of production.
// If open is nil they have no tracer.
func kitCall(open func(testing.TB) opentracing.Tracer) func(testing.TB) func() {
	return func(t testing.TB) func() {
		var tr opentracing.Tracer
		if open != nil {
			tr = open(t)
		}
		srv := bookgrpc.NewServer(bookendpoint.New(inmem.Default()), tr, quiet)
		conn := budget.Connect(t, srv, bookgrpc.ServerOptions(), bookgrpc.DialOptions())
		client := bookgrpc.NewClient(conn, tr)
		return func() {
			if _, err := client.BookInfo(context.Background(), 1); err != nil {
				t.Fatal(err)
			}
		}
	}
}

package budget_test

import (
	"context"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"testing"

	"github.com/opentracing/opentracing-go"
	zipkinot "github.com/openzipkin-contrib/zipkin-go-opentracing"
	"github.com/openzipkin/zipkin-go"
	"github.com/openzipkin/zipkin-go/reporter"
	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"bookservice/api/book"
	"bookservice/service/bookendpoint"
	"bookservice/service/bookgrpc"
	"bookservice/service/inmem"
	"bookservice/tracer"
)

var quiet = slog.New(slog.DiscardHandler)

// A setup is one way to make a call, server and client together over bufconn.
type setup struct {
	name   string
	budget float64 // allocations a call; 0 for one that is here to compare with
	call   func(testing.TB) func()
}

func setups() []setup {
	return []setup{
		{"raw gRPC", 0, rawCall(nil, nil)},
		{"raw gRPC, fixed windows", 0, rawCall(bookgrpc.ServerOptions(), bookgrpc.DialOptions())},
		{"go-kit", 0, kitCall(nil)},
		{"noop", 0, kitCall(func(testing.TB) opentracing.Tracer { return opentracing.NoopTracer{} })},
		{"bare bridge", 0, kitCall(bareBridge)},
		{"raw gRPC, otelgrpc", 0, otelCall},
		{"unsampled, w3c", 190, kitCall(ours("w3c", 0))},
		{"unsampled, b3", 190, kitCall(ours("b3", 0))},
		{"sampled, w3c", 215, kitCall(ours("w3c", 1))},
		{"sampled, b3", 215, kitCall(ours("b3", 1))},
		{"sampled, default headers", 232, kitCall(ours("w3c,b3multi", 1))},
	}
}

// TestAllocationsOfACall counts; it does not time. The race detector allocates, so without it is counted in a process of
// its own.
func TestAllocationsOfACall(t *testing.T) {
	if raceDetector {
		cmd := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-v", "-run", "^TestAllocationsOfACall$", ".")
		cmd.Env = append(os.Environ(), "GOFLAGS=")
		out, err := cmd.CombinedOutput()
		t.Logf("without the race detector:\n%s", out)
		if err != nil {
			t.Error(err)
		}
		return
	}
	have := map[string]float64{}
	for _, s := range setups() {
		call := s.call(t)
		call() // connects, and fills the pools
		have[s.name] = testing.AllocsPerRun(3000, call)
		t.Logf("%-26s %.0f allocations", s.name, have[s.name])
		if s.budget > 0 && have[s.name] > s.budget {
			t.Errorf("%s: have %.0f allocations a call, want at most %.0f", s.name, have[s.name], s.budget)
		}
	}
	if have["noop"] != have["go-kit"] {
		t.Errorf("noop: have %.0f allocations a call, want none over go-kit's %.0f", have["noop"], have["go-kit"])
	}
}

func BenchmarkTracedCall(b *testing.B) {
	for _, s := range setups() {
		b.Run(s.name, func(b *testing.B) {
			call := s.call(b)
			call()
			b.ReportAllocs()
			for b.Loop() {
				call()
			}
		})
	}
}

// ours returns what opens our tracer on a collector that nobody runs: spans are encoded, queued, and kept.
func ours(inject string, share float64) func(testing.TB) opentracing.Tracer {
	return func(t testing.TB) opentracing.Tracer {
		c := tracer.DefaultConfig()
		c.Backend, c.ServiceName, c.Sample, c.Propagation.Inject = "zipkin", "books", share, inject
		c.Zipkin.URL, c.FlushTimeout = "http://127.0.0.1:1/api/v2/spans", 1
		tr, closer, err := tracer.Open(context.Background(), c, tracer.WithLogger(quiet))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = closer.Close() }) // it says that the spans are lost
		return tr
	}
}

// bareBridge is zipkin-go-opentracing as its users set it up.
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

// raw is the service without go-kit.
type raw struct {
	book.UnimplementedBookServiceServer
}

func (raw) GetBookInfo(_ context.Context, p *book.BookInfoParams) (*book.BookInfo, error) {
	return &book.BookInfo{BookId: p.GetBookId(), BookName: "21天精通php"}, nil
}

// rawCall is gRPC alone, with these options.
func rawCall(server []grpc.ServerOption, dial []grpc.DialOption) func(testing.TB) func() {
	return func(t testing.TB) func() {
		client := book.NewBookServiceClient(connect(t, raw{}, server, dial))
		return func() {
			if _, err := client.GetBookInfo(context.Background(), &book.BookInfoParams{BookId: 1}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// otelCall is gRPC with OpenTelemetry's instrumentation, which records all spans and sends them nowhere.
func otelCall(t testing.TB) func() {
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(discard{}))
	t.Cleanup(func() { _ = provider.Shutdown(context.Background()) })
	opts := []otelgrpc.Option{otelgrpc.WithTracerProvider(provider), otelgrpc.WithPropagators(propagation.TraceContext{})}
	return rawCall(append(bookgrpc.ServerOptions(), grpc.StatsHandler(otelgrpc.NewServerHandler(opts...))),
		append(bookgrpc.DialOptions(), grpc.WithStatsHandler(otelgrpc.NewClientHandler(opts...))))(t)
}

type discard struct{}

func (discard) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return nil }
func (discard) Shutdown(context.Context) error                             { return nil }

// kitCall is the service's own server and client, with the options that they have in production.
func kitCall(open func(testing.TB) opentracing.Tracer) func(testing.TB) func() {
	return func(t testing.TB) func() {
		var tr opentracing.Tracer
		if open != nil {
			tr = open(t)
		}
		srv := bookgrpc.NewServer(bookendpoint.New(inmem.Default()), tr, quiet)
		set := bookgrpc.NewClient(connect(t, srv, bookgrpc.ServerOptions(), bookgrpc.DialOptions()), tr)
		return func() {
			if _, err := set.BookInfo(context.Background(), 1); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// connect serves without a network, and returns a connection to it.
func connect(t testing.TB, srv book.BookServiceServer, server []grpc.ServerOption, dial []grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	listener := bufconn.Listen(1 << 20)
	s := grpc.NewServer(server...)
	bookgrpc.Register(s, srv)
	go func() { _ = s.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///127.0.0.1:50051", append([]grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
	}, dial...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		s.Stop()
	})
	return conn
}

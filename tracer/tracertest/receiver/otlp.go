package receiver

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"github.com/openzipkin/zipkin-go/model"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"
	"google.golang.org/protobuf/proto"
)

// An Answer decides the answer to a request; n counts requests from 1. If both results are nil the
// spans are accepted. For HTTP the error may be an [HTTPError]; any other is answered with 503.
type Answer func(n int) (*coltracepb.ExportTraceServiceResponse, error)

// An HTTPError is an answer over HTTP with this status.
type HTTPError struct {
	Status     int
	RetryAfter string // the header's value
}

// Error implements error.
func (e HTTPError) Error() string { return http.StatusText(e.Status) }

// An OTLP is a collector of OpenTelemetry's protocol, over gRPC and HTTP.
type OTLP struct {
	coltracepb.UnimplementedTraceServiceServer
	GRPCURL, HTTPURL string // without a path

	answer Answer

	mu       sync.Mutex
	hang     chan struct{}
	requests []Request
	gzipped  int
	spans    []*tracepb.ResourceSpans
}

// A Request is one request that a collector has received.
type Request struct{ Header metadata.MD } // keys are in lower case

// NewOTLP starts a collector, and stops it at the end of the test. answer may be nil.
func NewOTLP(t testing.TB, answer Answer) *OTLP {
	t.Helper()
	o := &OTLP{answer: answer}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.StatsHandler(gzipCounter{o}))
	coltracepb.RegisterTraceServiceServer(server, o)
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	t.Cleanup(func() { server.Stop(); <-done })
	web := httptest.NewServer(o)
	t.Cleanup(web.Close)
	o.GRPCURL, o.HTTPURL = "http://"+l.Addr().String(), web.URL
	return o
}

// HangOnce makes the next request wait until release is closed. The request is not answered.
func (o *OTLP) HangOnce(release chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.hang = release
}

// Export implements the protocol's gRPC service.
func (o *OTLP) Export(
	ctx context.Context, in *coltracepb.ExportTraceServiceRequest,
) (*coltracepb.ExportTraceServiceResponse, error) {
	header, _ := metadata.FromIncomingContext(ctx)
	return o.receive(in, header)
}

// ServeHTTP implements OTLP over HTTP.
func (o *OTLP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Content-Encoding") == "gzip" {
		o.countGzip()
	}
	body, err := Body(r)
	in := &coltracepb.ExportTraceServiceRequest{}
	if err != nil || r.URL.Path != "/v1/traces" || proto.Unmarshal(body, in) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	header := metadata.MD{}
	for name, values := range r.Header {
		header.Set(name, values...)
	}
	out, err := o.receive(in, header)
	if refused, ok := errors.AsType[HTTPError](err); ok {
		w.Header().Set("Retry-After", refused.RetryAfter)
		w.WriteHeader(refused.Status)
		return
	}
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	answer, _ := proto.Marshal(out)
	w.Header().Set("Content-Type", typeProto)
	_, _ = w.Write(answer)
}

var errHung = errors.New("not answered in time")

func (o *OTLP) receive(
	in *coltracepb.ExportTraceServiceRequest, header metadata.MD,
) (*coltracepb.ExportTraceServiceResponse, error) {
	if hang := o.takeHang(); hang != nil {
		<-hang
		return nil, errHung
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.requests = append(o.requests, Request{header})
	if o.answer != nil {
		if out, err := o.answer(len(o.requests)); out != nil || err != nil {
			return out, err
		}
	}
	o.spans = append(o.spans, in.GetResourceSpans()...)
	return &coltracepb.ExportTraceServiceResponse{}, nil
}

// takeHang returns what the next request waits for, once.
func (o *OTLP) takeHang() chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	hang := o.hang
	o.hang = nil
	return hang
}

func (o *OTLP) countGzip() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.gzipped++
}

// Requests returns the requests that have arrived, except the one that hung.
func (o *OTLP) Requests() []Request {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.requests)
}

// Gzipped returns how many requests were compressed.
func (o *OTLP) Gzipped() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.gzipped
}

// ResourceSpans returns the spans that were accepted, as they arrived.
func (o *OTLP) ResourceSpans() []*tracepb.ResourceSpans {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.spans)
}

// Spans returns the spans that were accepted, as [SpanModels] converts them.
func (o *OTLP) Spans() []model.SpanModel { return SpanModels(o.ResourceSpans()) }

// A gzipCounter counts the compressed requests over gRPC.
type gzipCounter struct{ *OTLP }

// TagRPC implements [stats.Handler].
func (gzipCounter) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

// TagConn implements [stats.Handler].
func (gzipCounter) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// HandleConn implements [stats.Handler].
func (gzipCounter) HandleConn(context.Context, stats.ConnStats) {}

// HandleRPC implements [stats.Handler].
func (g gzipCounter) HandleRPC(_ context.Context, s stats.RPCStats) {
	if in, ok := s.(*stats.InHeader); ok && in.Compression == "gzip" {
		g.countGzip()
	}
}

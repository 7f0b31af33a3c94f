package otlpgrpc_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"bookservice/tracer"
	"bookservice/tracer/collector"
	"bookservice/tracer/collector/otlpgrpc"
	"bookservice/tracer/otlp"
)

// newCollector returns the addresses of a collector over HTTP and gRPC.
func newCollector(t testing.TB) (web, grpcAddr string) {
	t.Helper()
	c, err := collector.New(collector.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(c)
	t.Cleanup(s.Close)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	otlpgrpc.Register(server, c)
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	t.Cleanup(func() { server.Stop(); <-done })
	return s.URL, l.Addr().String()
}

func get(t testing.TB, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// A span of this project's tracer arrives by each of OTLP's protocols.
func TestTracerSendsByOTLP(t *testing.T) {
	web, addr := newCollector(t)
	for protocol, endpoint := range map[string]string{
		"grpc": "http://" + addr, "http/protobuf": web,
	} {
		t.Run(protocol, func(t *testing.T) {
			c := tracer.DefaultConfig()
			c.Backend, c.ServiceName = "otlp", "books"
			o := otlp.DefaultConfig()
			o.Endpoint, o.Protocol = endpoint, protocol
			tr, closer, err := tracer.Open(t.Context(), c, otlp.Backend(&o))
			if err != nil {
				t.Fatal(err)
			}
			span := tr.StartSpan("Find by " + protocol)
			span.SetTag("book", 7)
			span.Finish()
			if err := closer.Close(); err != nil {
				t.Error(err)
			}
			id, _ := tracer.TraceID(span.Context())
			var spans []struct {
				Name          string
				LocalEndpoint struct{ ServiceName string }
				Tags          map[string]string
			}
			text := get(t, web+"/api/v2/trace/"+id)
			if err := json.Unmarshal([]byte(text), &spans); err != nil || len(spans) != 1 {
				t.Fatalf("have %s, %v, want one span", text, err)
			}
			s := spans[0]
			if s.Name != "find by "+protocol || s.LocalEndpoint.ServiceName != "books" ||
				s.Tags["book"] != "7" {
				t.Errorf("have %+v", s)
			}
		})
	}
}

// Invalid ids are a partial success, and a sender's losses arrive by metadata.
func TestExportRejectsInvalidIDsAndReadsLosses(t *testing.T) {
	web, addr := newCollector(t)
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx := metadata.AppendToOutgoingContext(t.Context(), collector.LossesHeader,
		fmt.Sprintf("service=s;instance=i;since=%d;queue%%20full=2", time.Now().UnixMicro()))
	out, err := coltracepb.NewTraceServiceClient(conn).Export(ctx,
		&coltracepb.ExportTraceServiceRequest{ResourceSpans: []*tracepb.ResourceSpans{{
			ScopeSpans: []*tracepb.ScopeSpans{{Spans: []*tracepb.Span{
				{TraceId: []byte("0123456789abcdef"), SpanId: []byte("01234567")}, {},
			}}},
		}}})
	if err != nil || out.GetPartialSuccess().GetRejectedSpans() != 1 ||
		out.GetPartialSuccess().GetErrorMessage() == "" {
		t.Errorf("have %v, %v, want one span rejected", out, err)
	}
	if have := get(t, web+"/api/v2/trace/30313233343536373839616263646566"); len(have) < 10 {
		t.Errorf("have %s, want the valid span", have)
	}
	var l struct {
		Senders []struct{ Service, Instance string }
	}
	if err := json.Unmarshal([]byte(get(t, web+"/api/v2/losses")), &l); err != nil ||
		len(l.Senders) != 1 || l.Senders[0].Service != "s" {
		t.Errorf("have %+v, %v, want the sender", l, err)
	}
}

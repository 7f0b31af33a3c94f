package tracer_test

import (
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/openzipkin/zipkin-go/model"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"bookservice/tracer"
)

// A receiver takes OTLP over gRPC and HTTP, as the official protocol defines it.
type receiver struct {
	coltracepb.UnimplementedTraceServiceServer
	grpcURL, httpURL string

	mu       sync.Mutex
	requests int
	refuse   func(n int) (*coltracepb.ExportTraceServiceResponse, error) // asked with each request, from 1 on; may be nil
	hang     chan struct{}                                               // for the first request to wait for; may be nil
	headers  []string                                                    // "x-key" of each request
	zipped   int                                                         // requests that were compressed with gzip
	spans    []*tracepb.ResourceSpans
}

func newReceiver(t *testing.T, refuse func(n int) (*coltracepb.ExportTraceServiceResponse, error)) *receiver {
	t.Helper()
	r := &receiver{refuse: refuse}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := grpc.NewServer(grpc.StatsHandler(zipWatch{r}))
	coltracepb.RegisterTraceServiceServer(srv, r)
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(srv.Stop)
	web := httptest.NewServer(http.HandlerFunc(r.post))
	t.Cleanup(web.Close)
	r.grpcURL, r.httpURL = "http://"+l.Addr().String(), web.URL
	return r
}

// Export implements the protocol's service.
func (r *receiver) Export(ctx context.Context, in *coltracepb.ExportTraceServiceRequest) (*coltracepb.ExportTraceServiceResponse, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	return r.take(in, strings.Join(md.Get("x-key"), ","))
}

func (r *receiver) take(in *coltracepb.ExportTraceServiceRequest, header string) (*coltracepb.ExportTraceServiceResponse, error) {
	if hang := r.hangs(); hang != nil {
		<-hang
		return nil, status.Error(codes.Unavailable, "too late")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests++
	r.headers = append(r.headers, header)
	if r.refuse != nil {
		if response, err := r.refuse(r.requests); response != nil || err != nil {
			return response, err
		}
	}
	r.spans = append(r.spans, in.GetResourceSpans()...)
	return &coltracepb.ExportTraceServiceResponse{}, nil
}

// hangs returns once what the first request waits for.
func (r *receiver) hangs() (hang chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	hang, r.hang = r.hang, nil
	return hang
}

// post answers as OTLP/HTTP does; an error's message is the status line, with "; " before Retry-After's value.
func (r *receiver) post(w http.ResponseWriter, req *http.Request) {
	var body io.Reader = req.Body
	if req.Header.Get("Content-Encoding") == "gzip" {
		body, _ = gzip.NewReader(req.Body)
		r.unzipped()
	}
	raw, err := io.ReadAll(body)
	in := &coltracepb.ExportTraceServiceRequest{}
	if err != nil || req.URL.Path != "/v1/traces" || proto.Unmarshal(raw, in) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	out, err := r.take(in, req.Header.Get("X-Key"))
	var refusal httpRefusal
	if errors.As(err, &refusal) {
		w.Header().Set("Retry-After", refusal.after)
		w.WriteHeader(refusal.code)
		return
	}
	answer, _ := proto.Marshal(out)
	w.Header().Set("Content-Type", "application/x-protobuf")
	_, _ = w.Write(answer)
}

func (r *receiver) unzipped() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.zipped++
}

// zipWatch sees how gRPC's requests are compressed.
type zipWatch struct{ *receiver }

func (zipWatch) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context   { return ctx }
func (zipWatch) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (zipWatch) HandleConn(context.Context, stats.ConnStats)                       {}

func (z zipWatch) HandleRPC(_ context.Context, s stats.RPCStats) {
	if in, ok := s.(*stats.InHeader); ok && in.Compression == "gzip" {
		z.unzipped()
	}
}

type httpRefusal struct {
	code  int
	after string
}

func (httpRefusal) Error() string { return "refused" }

// received returns the spans as Zipkin would have them.
func (r *receiver) received() []model.SpanModel {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []model.SpanModel
	for _, rs := range r.spans {
		service := attributes(rs.GetResource().GetAttributes())["service.name"]
		for _, ss := range rs.GetScopeSpans() {
			for _, s := range ss.GetSpans() {
				all = append(all, toZipkin(s, service))
			}
		}
	}
	return all
}

func attributes(list []*commonpb.KeyValue) map[string]string {
	all := map[string]string{}
	for _, a := range list {
		all[a.GetKey()] = a.GetValue().GetStringValue()
	}
	return all
}

// toZipkin maps a span back (OpenTelemetry's transformation to Zipkin), for the suite.
func toZipkin(s *tracepb.Span, service string) model.SpanModel {
	m := model.SpanModel{Name: s.GetName(), Timestamp: time.Unix(0, int64(s.GetStartTimeUnixNano())),
		Duration: time.Duration(s.GetEndTimeUnixNano() - s.GetStartTimeUnixNano()), LocalEndpoint: &model.Endpoint{ServiceName: service}}
	m.TraceID = model.TraceID{High: binary.BigEndian.Uint64(s.GetTraceId()), Low: binary.BigEndian.Uint64(s.GetTraceId()[8:])}
	m.ID = model.ID(binary.BigEndian.Uint64(s.GetSpanId()))
	if len(s.GetParentSpanId()) > 0 {
		parent := model.ID(binary.BigEndian.Uint64(s.GetParentSpanId()))
		m.ParentID = &parent
	}
	m.Kind = map[tracepb.Span_SpanKind]model.Kind{tracepb.Span_SPAN_KIND_CLIENT: model.Client, tracepb.Span_SPAN_KIND_SERVER: model.Server,
		tracepb.Span_SPAN_KIND_PRODUCER: model.Producer, tracepb.Span_SPAN_KIND_CONSUMER: model.Consumer}[s.GetKind()]
	m.Tags = map[string]string{}
	var peer model.Endpoint
	for _, a := range s.GetAttributes() {
		switch v := a.GetValue(); a.GetKey() {
		case "peer.service":
			peer.ServiceName = v.GetStringValue()
		case "network.peer.address":
			if ip := net.ParseIP(v.GetStringValue()); ip.To4() != nil {
				peer.IPv4 = ip
			} else {
				peer.IPv6 = ip
			}
		case "network.peer.port":
			peer.Port = uint16(v.GetIntValue())
		default:
			m.Tags[a.GetKey()] = textOf(v)
		}
	}
	if !peer.Empty() {
		m.RemoteEndpoint = &peer
	}
	if st := s.GetStatus(); st.GetCode() == tracepb.Status_STATUS_CODE_ERROR {
		if m.Tags["error"] = st.GetMessage(); st.GetMessage() == "" {
			m.Tags["error"] = "true"
		}
	}
	for _, e := range s.GetEvents() {
		m.Annotations = append(m.Annotations, model.Annotation{Timestamp: time.Unix(0, int64(e.GetTimeUnixNano())), Value: eventText(e)})
	}
	return m
}

// textOf writes a value as Zipkin has it.
func textOf(value *commonpb.AnyValue) string {
	switch v := value.GetValue().(type) {
	case *commonpb.AnyValue_IntValue:
		return strconv.FormatInt(v.IntValue, 10)
	case *commonpb.AnyValue_BoolValue:
		return strconv.FormatBool(v.BoolValue)
	case *commonpb.AnyValue_DoubleValue:
		return strconv.FormatFloat(v.DoubleValue, 'g', -1, 64)
	}
	return value.GetStringValue()
}

// eventText writes an event as one annotation.
func eventText(e *tracepb.Span_Event) string {
	var fields []string
	for _, a := range e.GetAttributes() {
		fields = append(fields, a.GetKey()+"="+textOf(a.GetValue()))
	}
	switch {
	case len(fields) == 0:
		return e.GetName()
	case e.GetName() == "log":
		return strings.Join(fields, " ")
	}
	return "event=" + e.GetName() + " " + strings.Join(fields, " ")
}

func openOTLP(protocol string) func(*testing.T, func(*tracer.Config)) (opentracing.Tracer, func() []model.SpanModel) {
	return func(t *testing.T, change func(*tracer.Config)) (opentracing.Tracer, func() []model.SpanModel) {
		r := newReceiver(t, nil)
		c := config("otlp")
		c.OTLP.Protocol, c.OTLP.Endpoint = protocol, r.at(protocol)
		return open(t, c, change, r.received)
	}
}

func (r *receiver) at(protocol string) string {
	if protocol == tracer.OTLPGRPC {
		return r.grpcURL
	}
	return r.httpURL
}

var protocols = []string{tracer.OTLPGRPC, tracer.OTLPHTTP}

func (r *receiver) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.requests
}

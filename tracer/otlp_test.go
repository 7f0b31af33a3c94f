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

	"github.com/google/go-cmp/cmp"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	"github.com/opentracing/opentracing-go/log"
	"github.com/openzipkin/zipkin-go/model"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"

	"bookservice/tracer"
)

// A receiver takes OTLP over gRPC and HTTP, as the official protocol defines it.
type receiver struct {
	coltracepb.UnimplementedTraceServiceServer
	grpcURL, httpURL string

	mu       sync.Mutex
	requests int
	refuse   func(n int) (*coltracepb.ExportTraceServiceResponse, error) // asked with each request, from 1 on; may be nil
	headers  []string                                                    // "x-key" of each request
	spans    []*tracepb.ResourceSpans
}

func newReceiver(t *testing.T, refuse func(n int) (*coltracepb.ExportTraceServiceResponse, error)) *receiver {
	t.Helper()
	r := &receiver{refuse: refuse}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := grpc.NewServer()
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

// post answers as OTLP/HTTP does; an error's message is the status line, with "; " before Retry-After's value.
func (r *receiver) post(w http.ResponseWriter, req *http.Request) {
	var body io.Reader = req.Body
	if req.Header.Get("Content-Encoding") == "gzip" {
		body, _ = gzip.NewReader(req.Body)
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
			m.Tags[a.GetKey()] = v.GetStringValue()
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

// eventText writes an event as one annotation.
func eventText(e *tracepb.Span_Event) string {
	var fields []string
	for _, a := range e.GetAttributes() {
		value := a.GetValue().GetStringValue()
		switch v := a.GetValue().GetValue().(type) {
		case *commonpb.AnyValue_IntValue:
			value = strconv.FormatInt(v.IntValue, 10)
		case *commonpb.AnyValue_BoolValue:
			value = strconv.FormatBool(v.BoolValue)
		}
		fields = append(fields, a.GetKey()+"="+value)
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

// TestOTLPFieldByField compares what arrives with what should, message by message.
func TestOTLPFieldByField(t *testing.T) {
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test,service.name=not%20this,service.version=0")
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			r := newReceiver(t, nil)
			c := config("otlp")
			c.OTLP.Protocol, c.OTLP.Endpoint, c.OTLP.Headers = protocol, r.at(protocol), "x-key=s%3Dcret"
			c.Address, c.ServiceVersion = "127.0.0.1:50051", "1.2.3"
			tr, closer, err := tracer.Open(t.Context(), c, tracer.WithLogger(quiet))
			if err != nil {
				t.Fatal(err)
			}
			sc, err := tr.Extract(opentracing.TextMap, opentracing.TextMapCarrier{
				"traceparent": "00-" + trace128 + "-" + parent1 + "-01", "tracestate": "a=b"})
			if err != nil {
				t.Fatal(err)
			}
			start := time.Unix(1700000000, 123456789)
			s := tr.StartSpan("call", opentracing.ChildOf(sc), opentracing.StartTime(start), ext.SpanKindRPCServer)
			s.SetTag("text", "t").SetTag("bool", true).SetTag("int", int32(-7)).SetTag("uint", uint64(7)).SetTag("float", 2.5)
			s.SetTag("duration", time.Second).SetTag("peer.service", "caller").SetTag("peer.address", "10.0.0.1:99")
			s.SetTag("error", true)
			at := start.Add(time.Millisecond)
			s.FinishWithOptions(opentracing.FinishOptions{FinishTime: start.Add(time.Second), LogRecords: []opentracing.LogRecord{
				{Timestamp: at, Fields: []log.Field{log.String("event", "retry"), log.Int("try", 2), log.Bool("last", true), log.Float64("wait", 0.5)}},
				{Timestamp: at, Fields: []log.Field{log.String("event", "error"), log.Error(errors.New("disk on fire")), log.String("stack", "main.go:1")}},
				{Timestamp: at, Fields: []log.Field{log.String("k", "v")}},
			}})
			if err := closer.Close(); err != nil {
				t.Fatal(err)
			}
			if len(r.spans) != 1 || r.headers[0] != "s=cret" {
				t.Fatalf("have %d requests with header %q", len(r.spans), r.headers)
			}
			have := r.spans[0]
			id := have.GetScopeSpans()[0].GetSpans()[0].GetSpanId()
			nanos := uint64(start.UnixNano())
			want := &tracepb.ResourceSpans{ScopeSpans: []*tracepb.ScopeSpans{{
				Scope: &commonpb.InstrumentationScope{Name: "bookservice/tracer"},
				Spans: []*tracepb.Span{{
					TraceId: bytesOf(trace128), SpanId: id, ParentSpanId: bytesOf(parent1), TraceState: "a=b", Flags: 0x301,
					Name: "call", Kind: tracepb.Span_SPAN_KIND_SERVER, StartTimeUnixNano: nanos, EndTimeUnixNano: nanos + 1e9,
					Attributes: []*commonpb.KeyValue{kv("text", "t"), kv("bool", true), kv("int", -7), kv("uint", 7), kv("float", 2.5),
						kv("duration", "1s"), kv("peer.service", "caller"), kv("network.peer.address", "10.0.0.1"), kv("network.peer.port", 99)},
					Status: &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR, Message: "disk on fire"},
					Events: []*tracepb.Span_Event{
						{TimeUnixNano: nanos + 1e6, Name: "retry", Attributes: []*commonpb.KeyValue{kv("try", 2), kv("last", true), kv("wait", 0.5)}},
						{TimeUnixNano: nanos + 1e6, Name: "exception", Attributes: []*commonpb.KeyValue{
							kv("exception.message", "disk on fire"), kv("exception.stacktrace", "main.go:1")}},
						{TimeUnixNano: nanos + 1e6, Name: "log", Attributes: []*commonpb.KeyValue{kv("k", "v")}},
					},
				}},
			}}}
			if len(id) != 8 {
				t.Errorf("have a span id of %d bytes", len(id))
			}
			resource := have.GetResource().GetAttributes()
			have.Resource = nil
			if diff := cmp.Diff(want, have, protocmp.Transform()); diff != "" {
				t.Errorf("-want +have\n%s", diff)
			}
			wantResource := []*commonpb.KeyValue{kv("service.name", "bookserver"), kv("service.version", "1.2.3"),
				kv("service.instance.id", "127.0.0.1:50051"), kv("deployment.environment.name", "test")}
			if diff := cmp.Diff(wantResource, resource, protocmp.Transform()); diff != "" {
				t.Errorf("resource: -want +have\n%s", diff)
			}
		})
	}
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
	case float64:
		v.Value = &commonpb.AnyValue_DoubleValue{DoubleValue: value}
	}
	return &commonpb.KeyValue{Key: key, Value: v}
}

// TestOTLPFaults has the collector refuse, and counts the requests and the spans that arrive.
func TestOTLPFaults(t *testing.T) {
	first := func(n int, err error) func(int) (*coltracepb.ExportTraceServiceResponse, error) {
		return func(i int) (*coltracepb.ExportTraceServiceResponse, error) {
			if i <= n {
				return nil, err
			}
			return nil, nil
		}
	}
	throttled, err := status.New(codes.ResourceExhausted, "full").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(time.Millisecond)})
	if err != nil {
		t.Fatal(err)
	}
	partial := func(int) (*coltracepb.ExportTraceServiceResponse, error) {
		return &coltracepb.ExportTraceServiceResponse{PartialSuccess: &coltracepb.ExportTracePartialSuccess{RejectedSpans: 1, ErrorMessage: "odd"}}, nil
	}
	for name, test := range map[string]struct {
		protocol        string
		refuse          func(int) (*coltracepb.ExportTraceServiceResponse, error)
		requests, spans int
	}{
		"grpc unavailable":      {tracer.OTLPGRPC, first(2, status.Error(codes.Unavailable, "later")), 3, 1},
		"grpc throttled":        {tracer.OTLPGRPC, first(2, throttled.Err()), 3, 1},
		"grpc exhausted":        {tracer.OTLPGRPC, first(2, status.Error(codes.ResourceExhausted, "never")), 1, 0},
		"grpc invalid":          {tracer.OTLPGRPC, first(9, status.Error(codes.InvalidArgument, "bad")), 1, 0},
		"grpc partial success":  {tracer.OTLPGRPC, partial, 1, 0},
		"http unavailable":      {tracer.OTLPHTTP, first(2, httpRefusal{503, ""}), 3, 1},
		"http too many":         {tracer.OTLPHTTP, first(1, httpRefusal{429, "0"}), 2, 1},
		"http bad request":      {tracer.OTLPHTTP, first(9, httpRefusal{400, ""}), 1, 0},
		"http partial success":  {tracer.OTLPHTTP, partial, 1, 0},
		"http gateway time-out": {tracer.OTLPHTTP, first(1, httpRefusal{504, ""}), 2, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newReceiver(t, test.refuse)
			c := config("otlp")
			c.OTLP.Protocol, c.OTLP.Endpoint = test.protocol, r.at(test.protocol)
			tr, closer, err := tracer.Open(t.Context(), c, tracer.WithLogger(quiet))
			if err != nil {
				t.Fatal(err)
			}
			tr.StartSpan("call").Finish()
			eventually(t, "the collector was asked", func() bool { return r.count() >= test.requests })
			if err := closer.Close(); err != nil {
				t.Error(err)
			}
			if n, spans := r.count(), len(r.received()); n != test.requests || spans != test.spans {
				t.Errorf("have %d requests and %d spans, want %d and %d", n, spans, test.requests, test.spans)
			}
		})
	}
}

func (r *receiver) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.requests
}

// TestOTLPHonoursOpenTelemetrysVariables sets nothing of ours.
func TestOTLPHonoursOpenTelemetrysVariables(t *testing.T) {
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			r := newReceiver(t, nil)
			t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", r.at(protocol))
			t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=abc")
			t.Setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
			tr, closer, err := tracer.Open(t.Context(), config("otlp"), tracer.WithLogger(quiet))
			if err != nil {
				t.Fatal(err)
			}
			tr.StartSpan("call").Finish()
			if err := closer.Close(); err != nil {
				t.Fatal(err)
			}
			if len(r.received()) != 1 || r.headers[0] != "abc" {
				t.Errorf("have %d spans with header %q", len(r.received()), r.headers)
			}
		})
	}
}

func TestOTLPSettings(t *testing.T) {
	for _, test := range []struct {
		want   string
		change func(*tracer.Config)
	}{
		{`tracer: otlp-protocol "udp": must be grpc or http/protobuf`, func(c *tracer.Config) { c.OTLP.Protocol = "udp" }},
		{`tracer: otlp-endpoint "here:4317": must be like http://127.0.0.1:4317`, func(c *tracer.Config) { c.OTLP.Endpoint = "here:4317" }},
		{`tracer: otlp-headers: pair 2: must be key=value with a percent-encoded value`, func(c *tracer.Config) { c.OTLP.Headers = "a=b,secret" }},
		{`tracer: OTEL_EXPORTER_OTLP_TRACES_PROTOCOL "udp": must be grpc or http/protobuf`, func(*tracer.Config) { t.Setenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "udp") }},
	} {
		c := config("otlp")
		test.change(&c)
		if err := c.Validate(); err == nil || err.Error() != test.want {
			t.Errorf("have %v, want %s", err, test.want)
		}
	}
}

package tracer

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"bookservice/tracer/delivery"
)

// newOTLPClient returns OpenTelemetry's client for the protocol, with its retries off: our queue retries, and counts.
func newOTLPClient(protocol string, c OTLPConfig) (otlptrace.Client, error) {
	headers, err := c.headers()
	if err != nil {
		return nil, err
	}
	tlsConfig, err := otlpTLS()
	if err != nil {
		return nil, err
	}
	endpoint := c.endpoint(protocol)
	if protocol == OTLPGRPC {
		opts := []otlptracegrpc.Option{
			otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig{}),
			otlptracegrpc.WithDialOption(grpc.WithChainUnaryInterceptor(noteGRPC)),
		}
		if endpoint != "" {
			opts = append(opts, otlptracegrpc.WithEndpointURL(endpoint))
		}
		if len(headers) > 0 {
			opts = append(opts, otlptracegrpc.WithHeaders(headers))
		}
		return otlptracegrpc.NewClient(opts...), nil
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = tlsConfig
	opts := []otlptracehttp.Option{
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{}),
		otlptracehttp.WithHTTPClient(&http.Client{Transport: noteHTTP{transport}}),
	}
	if endpoint != "" {
		opts = append(opts, otlptracehttp.WithEndpointURL(endpoint))
	}
	if len(headers) > 0 {
		opts = append(opts, otlptracehttp.WithHeaders(headers))
	}
	return idleClosing{otlptracehttp.NewClient(opts...), transport}, nil
}

// idleClosing is OpenTelemetry's client for HTTP, which leaves the connections of a transport that it was given open.
type idleClosing struct {
	otlptrace.Client
	transport *http.Transport
}

func (c idleClosing) Stop(ctx context.Context) error {
	defer c.transport.CloseIdleConnections()
	return c.Client.Stop(ctx)
}

// otlpTLS reads OpenTelemetry's variables for certificates. Its client for HTTP leaves that to a transport that it is given;
// the one for gRPC does it again, and says nothing about a file that is not there.
func otlpTLS() (*tls.Config, error) {
	var f tlsFiles
	f.caSetting, f.ca = otlpVariable("CERTIFICATE")
	f.certSetting, f.cert = otlpVariable("CLIENT_CERTIFICATE")
	f.keySetting, f.key = otlpVariable("CLIENT_KEY")
	return f.config()
}

// An answer is what the collector said to one request. OpenTelemetry's clients return errors that do not tell; so what
// passes by on the wire is noted in the request's context.
type answer struct {
	known    bool  // there was one
	taken    bool  // and it was a yes, but for the rejected
	meant    error // what it means, if not
	rejected int64
	reason   string
}

type answerKey struct{}

func (a *answer) refused(p *coltracepb.ExportTracePartialSuccess) {
	a.rejected, a.reason = p.GetRejectedSpans(), p.GetErrorMessage()
}

func noteGRPC(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	err := invoke(ctx, method, req, reply, conn, opts...)
	a, ok := ctx.Value(answerKey{}).(*answer)
	if !ok {
		return err
	}
	a.known, a.taken, a.meant = true, err == nil, grpcError(status.Convert(err))
	if response, ok := reply.(*coltracepb.ExportTraceServiceResponse); ok && err == nil {
		a.refused(response.GetPartialSuccess())
	}
	return err
}

// noteHTTP is a transport that notes what comes back.
type noteHTTP struct{ http.RoundTripper }

// maxAnswer is how much of an answer is looked at.
const maxAnswer = 64 << 10

func (n noteHTTP) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := n.RoundTripper.RoundTrip(r)
	a, ok := r.Context().Value(answerKey{}).(*answer)
	if err != nil || !ok {
		return resp, err
	}
	a.known, a.taken, a.meant = true, resp.StatusCode/100 == 2, delivery.HTTPError(resp.StatusCode, resp.Header)
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	resp.Body.Close()
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	var response coltracepb.ExportTraceServiceResponse
	if a.taken && resp.Header.Get("Content-Type") == "application/x-protobuf" && proto.Unmarshal(body, &response) == nil {
		a.refused(response.GetPartialSuccess())
	}
	return resp, nil
}

// verdict says what becomes of the batch. Spans that were rejected one by one must not be sent again.
func (a *answer) verdict(err error) error {
	switch {
	case a.known && a.taken && a.rejected > 0:
		return &delivery.SendError{Kind: delivery.Partial, Rejected: int(a.rejected), Err: fmt.Errorf("the collector refused %d spans: %s", a.rejected, a.reason)}
	case err == nil || a.known && a.taken:
		return nil
	case a.known:
		return a.meant
	}
	return err
}

// grpcError returns what a status means, nil for OK (OpenTelemetry Protocol Specification: failures).
func grpcError(st *status.Status) error {
	r := &delivery.SendError{Kind: delivery.Drop, Err: st.Err()}
	asked := false
	for _, detail := range st.Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			r.After, asked = info.GetRetryDelay().AsDuration(), true
		}
	}
	switch st.Code() {
	case codes.OK:
		return nil
	case codes.Canceled, codes.DeadlineExceeded, codes.Aborted, codes.OutOfRange, codes.Unavailable, codes.DataLoss:
		r.Kind = delivery.Retry
	case codes.ResourceExhausted:
		if asked {
			r.Kind = delivery.Retry
		}
	case codes.InvalidArgument:
		r.Kind = delivery.Bisect
	case codes.Unauthenticated, codes.PermissionDenied, codes.Unimplemented:
		r.Kind = delivery.RetryAfterFix
	}
	return r
}

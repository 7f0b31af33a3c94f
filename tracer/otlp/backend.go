package otlp

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/url"
	"time"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"

	"bookservice/tracer"
	"bookservice/tracer/delivery"
	"bookservice/tracer/internal/settings"
)

// A client sends one encoded ExportTraceServiceRequest.
type client interface {
	export(ctx context.Context, request []byte) (*coltracepb.ExportTraceServiceResponse, error)
	close()
}

// connection is what a client is made from.
type connection struct {
	url     *url.URL
	headers map[string]string
	tls     *tls.Config
	gzip    bool
	timeout time.Duration // of one request
	senders int           // concurrent requests
}

func (c *Config) open(_ context.Context, s tracer.Settings) (tracer.Sink, error) {
	c.environment.warn(s.Logger)
	headers, _ := settings.ParseHeaders(c.headers().text)
	tlsConfig, err := c.environment.tls()
	if err != nil {
		return tracer.Sink{}, err
	}
	to := connection{
		url: c.url(), headers: headers, tls: tlsConfig, gzip: c.environment.gzip(),
		timeout: c.environment.requestTimeout(), senders: s.Delivery.Senders,
	}
	dial := dialGRPC
	if c.protocol().text == HTTP {
		dial = dialHTTP
	}
	cl, err := dial(to)
	if err != nil {
		return tracer.Sink{}, err
	}
	e := &exporter{client: cl, timeout: to.timeout, head: requestHead(newResource(s))}
	return s.Queue(tracer.Destination{
		Spool: "otlp", Address: settings.RedactURL(to.url.String()),
		Encode: appendSpan, Send: e.send, Close: cl.close,
	})
}

// An exporter sends batches. A batch consists of fields of a ScopeSpans message, so a request is
// assembled without decoding it.
type exporter struct {
	client  client
	timeout time.Duration
	head    []byte // what precedes the spans in a ResourceSpans message
}

func (e *exporter) send(ctx context.Context, batch delivery.Batch) error {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	response, err := e.client.export(ctx, appendRequest(nil, e.head, batch.Bytes()))
	if err != nil {
		return err
	}
	if partial := response.GetPartialSuccess(); partial.GetRejectedSpans() > 0 {
		return &delivery.SendError{
			Kind: delivery.Partial, Rejected: int(partial.GetRejectedSpans()),
			Err: fmt.Errorf("the collector rejected %d spans: %s",
				partial.GetRejectedSpans(), partial.GetErrorMessage()),
		}
	}
	return nil
}

// tls reads the files that the variables name.
func (e *environment) tls() (*tls.Config, error) {
	return settings.TLSFiles{
		CA:   settings.File{Name: e.ca.name, Path: e.ca.text},
		Cert: settings.File{Name: e.cert.name, Path: e.cert.text},
		Key:  settings.File{Name: e.key.name, Path: e.key.text},
	}.Config()
}

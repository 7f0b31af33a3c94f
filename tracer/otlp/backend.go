package otlp

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"

	"bookservice/tracer"
	"bookservice/tracer/delivery"
	"bookservice/tracer/internal/losses"
	"bookservice/tracer/internal/settings"
)

// A client sends one encoded ExportTraceServiceRequest. It returns when ctx ends.
type client interface {
	export(ctx context.Context, request []byte) (*coltracepb.ExportTraceServiceResponse, error)
	close()
}

// connection is what a client is made from.
type connection struct {
	headers map[string]string
	secrets []string // that errors must not show
	tls     *settings.TLS
	gzip    bool
	senders int // concurrent requests
	losses  *losses.Reporter
}

func (c *Config) open(_ context.Context, s tracer.Settings) (tracer.Sink, error) {
	c.environment.warn(s.Logger)
	headers, _ := settings.ParseHeaders(c.headers().text)
	files, err := c.environment.tls(s.Logger)
	if err != nil {
		return tracer.Sink{}, err
	}
	to := connection{
		headers: headers, secrets: settings.HeaderSecrets(slices.Collect(maps.Values(headers))...),
		tls: files, gzip: c.environment.gzip(), senders: s.Delivery.Senders,
		losses: losses.New(s.ServiceName),
	}
	var cl client
	var address string
	if c.protocol().text == HTTP {
		address = c.url().String()
		cl = dialHTTP(address, to)
	} else {
		address = c.grpcAddress()
		cl = dialGRPC(c.target(), to)
	}
	e := &exporter{
		client: cl, secrets: settings.NewSecrets(to.secrets...), head: requestHead(newResource(s)),
	}
	return s.Queue(tracer.Destination{
		Spool: "otlp", Address: settings.RedactURL(address), SendTimeout: c.timeout(),
		Encode: appendSpan, Send: e.send, Close: cl.close,
	})
}

// An exporter sends batches. A batch consists of fields of a ScopeSpans message, so a request is
// assembled without decoding it.
type exporter struct {
	client  client
	secrets settings.Secrets
	head    []byte // what precedes the spans in a ResourceSpans message
}

func (e *exporter) send(ctx context.Context, batch delivery.Batch) error {
	response, err := e.client.export(ctx, appendRequest(nil, e.head, batch.Bytes()))
	if err != nil {
		return err
	}
	if partial := response.GetPartialSuccess(); partial.GetRejectedSpans() > 0 {
		return &delivery.SendError{
			Kind: delivery.Partial, Rejected: int(partial.GetRejectedSpans()),
			Err: fmt.Errorf("the collector rejected %d spans: %s", partial.GetRejectedSpans(),
				e.secrets.Quote(partial.GetErrorMessage())),
		}
	}
	return nil
}

// tls reads the files that the variables name.
func (e *environment) tls(log *slog.Logger) (*settings.TLS, error) {
	return settings.TLSFiles{
		CA:   settings.File{Name: e.ca.name, Path: e.ca.text},
		Cert: settings.File{Name: e.cert.name, Path: e.cert.text},
		Key:  settings.File{Name: e.key.name, Path: e.key.text},
	}.Open(log)
}

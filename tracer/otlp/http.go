package otlp

import (
	"context"
	"net/http"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"bookservice/tracer/internal/httppost"
)

// contentType is the media type of requests and responses.
const contentType = "application/x-protobuf"

// An httpClient exports over HTTP.
type httpClient struct{ client *httppost.Client }

func dialHTTP(url string, to connection) client {
	header := http.Header{}
	header.Set("User-Agent", userAgent)
	for name, value := range to.headers {
		header.Set(name, value)
	}
	header.Set("Content-Type", contentType)
	return &httpClient{httppost.New(httppost.Config{
		URL: url, Header: header, Gzip: to.gzip, TLS: to.tls, Conns: to.senders,
		Secrets: to.secrets,
	})}
}

// export posts the request. A successful answer that is no protobuf message counts as success: the
// collector has accepted the spans.
func (c *httpClient) export(
	ctx context.Context, request []byte,
) (*coltracepb.ExportTraceServiceResponse, error) {
	answer, err := c.client.Post(ctx, request)
	if err != nil {
		return nil, err
	}
	if err := c.client.Error(answer); err != nil {
		return nil, err
	}
	response := &coltracepb.ExportTraceServiceResponse{}
	if answer.Header.Get("Content-Type") == contentType {
		if proto.Unmarshal(answer.Body, response) != nil {
			response.Reset()
		}
	}
	return response, nil
}

func (c *httpClient) close() { c.client.Close() }

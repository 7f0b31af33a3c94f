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

// otherContentType is a newer name of the same type.
const otherContentType = "application/protobuf"

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
		Secrets: to.secrets, Losses: to.losses,
	})}
}

// export posts the request. A collector's answer that reports success counts as success, even if
// its message cannot be decoded: the collector has accepted the spans.
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
	if !isCollectors(answer) {
		return nil, c.client.Foreign(answer)
	}
	response := &coltracepb.ExportTraceServiceResponse{}
	switch answer.MediaType() {
	case contentType, otherContentType:
		if proto.Unmarshal(answer.Body, response) != nil {
			response.Reset()
		}
	}
	return response, nil
}

// isCollectors reports whether the collector has sent an answer that reports success. The protocol
// demands 200 with the media type of the request (OTLP specification: OTLP/HTTP response). Another
// media type, such as that of a login page, is a proxy's. Some collectors answer in JSON, without a
// media type or without a body, and some with another status.
func isCollectors(answer httppost.Answer) bool {
	switch answer.MediaType() {
	case contentType, otherContentType, "application/json":
		return true
	case "", "application/octet-stream": // the same as none (RFC 9110, section 8.3)
		return true
	}
	return answer.Status == http.StatusOK && len(answer.Body) == 0
}

func (c *httpClient) close() { c.client.Close() }

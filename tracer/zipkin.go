package tracer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"

	"bookservice/tracer/delivery"
)

const postTimeout = 10 * time.Second

func checkZipkin(c Config) error {
	_, err := webURL("zipkin-url", c.Zipkin.URL, "http://127.0.0.1:9411/api/v2/spans")
	return err
}

func openZipkin(_ context.Context, c Config, o options) (sink, error) {
	u, err := url.Parse(c.Zipkin.URL)
	if err != nil {
		return nil, err
	}
	p := &poster{url: c.Zipkin.URL, client: &http.Client{
		Transport: http.DefaultTransport.(*http.Transport).Clone(), Timeout: postTimeout}}
	return newQueuedSink("zipkin", transport{
		kind: "zipkin-proto", shown: u.Redacted(), encode: appendListed, send: p.post, release: p.client.CloseIdleConnections,
	}, c, o)
}

// A poster posts spans to Zipkin's v2 API, as lists of spans in protobuf.
type poster struct {
	url    string
	client *http.Client
}

func (p *poster) post(ctx context.Context, batch delivery.Batch) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(batch.Bytes()))
	if err != nil {
		return &delivery.Refusal{Kind: delivery.Never, Err: err}
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	resp, err := p.client.Do(req)
	if err != nil {
		var inner *url.Error
		if errors.As(err, &inner) {
			err = inner.Err // the url is in the log line already, and there without its password
		}
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer)); err != nil {
		return err // the connection broke within the answer: it may not have been meant
	}
	return delivery.HTTPError(resp.StatusCode, resp.Header)
}

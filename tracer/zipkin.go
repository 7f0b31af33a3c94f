package tracer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"bookservice/tracer/delivery"
)

const postTimeout = 10 * time.Second

func checkZipkin(c Config) error {
	u, err := url.Parse(c.Zipkin.URL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return fmt.Errorf("zipkin-url %q: must be like http://127.0.0.1:9411/api/v2/spans", c.Zipkin.URL)
	}
	return nil
}

// zipkinSink posts spans to Zipkin's v2 API, as lists of spans in protobuf.
type zipkinSink struct {
	url    string
	shown  string // the same without a password
	client *http.Client
	queue  *delivery.Queue
	flush  time.Duration
}

func openZipkin(_ context.Context, c Config, o options) (sink, error) {
	u, err := url.Parse(c.Zipkin.URL)
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	z := &zipkinSink{url: c.Zipkin.URL, shown: u.Redacted(), flush: c.FlushTimeout,
		client: &http.Client{Transport: transport, Timeout: postTimeout}}
	z.queue = delivery.New(delivery.Config{}, z.post, o.log.With("backend", "zipkin", "url", z.shown))
	return z, nil
}

func (z *zipkinSink) consume(f *finished) {
	f.buf = appendListed(f.buf[:0], f)
	z.queue.Add(f.buf)
}

func (z *zipkinSink) post(ctx context.Context, batch []byte, _ int) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, z.url, bytes.NewReader(batch))
	if err != nil {
		return delivery.Permanent(err)
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	resp, err := z.client.Do(req)
	if err != nil {
		var inner *url.Error
		if errors.As(err, &inner) {
			err = inner.Err // the url is in the log line already, and there without its password
		}
		return err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection can be used again
	switch code := resp.StatusCode; {
	case code/100 == 2:
		return nil
	case code/100 == 5, code == http.StatusTooManyRequests, code == http.StatusRequestTimeout:
		return fmt.Errorf("the collector answered %s", resp.Status)
	default:
		return delivery.Permanent(fmt.Errorf("the collector answered %s", resp.Status))
	}
}

func (z *zipkinSink) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), z.flush)
	defer cancel()
	err := z.queue.Close(ctx)
	z.client.CloseIdleConnections()
	if err != nil {
		return fmt.Errorf("tracer: zipkin %s: %w", z.shown, err)
	}
	return nil
}

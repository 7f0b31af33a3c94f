package tracer

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"bookservice/tracer/delivery"
)

const postTimeout = 10 * time.Second

func openZipkin(ctx context.Context, c Config, o options) (sink, error) {
	open := map[string]func(Config) (transport, error){
		ZipkinHTTP: openZipkinHTTP, ZipkinKafka: openKafka, ZipkinRabbitMQ: openRabbitMQ,
	}[c.Zipkin.Transport]
	t, err := open(c)
	if err != nil {
		return nil, fmt.Errorf("tracer: %w", err)
	}
	t.kind, t.encode = "zipkin-"+c.Zipkin.Format, appendListed
	if c.Zipkin.Format == ZipkinJSON {
		t.encode = appendJSON
	}
	return newQueuedSink("zipkin", t, c, o)
}

// message returns a batch as Zipkin's collectors take it, on whatever way: a list of spans.
func (z ZipkinConfig) message(b delivery.Batch) []byte {
	if z.Format == ZipkinProto {
		return b.Bytes() // lists joined end to end are a list
	}
	list := append(make([]byte, 0, len(b.Bytes())+b.Len()+1), '[')
	for record := range b.All() {
		list = append(append(list, record...), ',')
	}
	list[len(list)-1] = ']'
	return list
}

func (z ZipkinConfig) contentType() string {
	if z.Format == ZipkinJSON {
		return "application/json"
	}
	return "application/x-protobuf"
}

func openZipkinHTTP(c Config) (transport, error) {
	tlsConfig, err := c.Zipkin.tls()
	if err != nil {
		return transport{}, err
	}
	header, err := c.Zipkin.header()
	if err != nil {
		return transport{}, err
	}
	header.Set("Content-Type", c.Zipkin.contentType())
	if c.Zipkin.Gzip {
		header.Set("Content-Encoding", "gzip")
	}
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig, t.MaxIdleConnsPerHost = tlsConfig, c.Delivery.Senders
	p := &poster{cfg: c.Zipkin, header: header, client: &http.Client{Transport: t, Timeout: postTimeout, CheckRedirect: noRedirect}}
	return transport{shown: withoutPassword(c.Zipkin.URL), send: p.post, release: t.CloseIdleConnections}, nil
}

// noRedirect has a redirection be an answer: to follow it would be to ask with GET, and to take any page for a yes.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// A poster posts spans to Zipkin's v2 API (openzipkin/zipkin-api).
type poster struct {
	cfg    ZipkinConfig
	header http.Header
	client *http.Client
}

func (p *poster) post(ctx context.Context, batch delivery.Batch) error {
	body := p.cfg.message(batch)
	if p.cfg.Gzip {
		z := zippers.Get().(*zipper)
		defer zippers.Put(z)
		body = z.zip(body)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.cfg.URL, nil)
	if err != nil {
		return &delivery.SendError{Kind: delivery.Drop, Err: withoutURL(err)}
	}
	lent := &lentBody{bytes: body}
	defer lent.wait()
	req.ContentLength, req.GetBody = int64(len(body)), lent.open
	req.Body, _ = lent.open() // it always can
	req.Header = p.header.Clone()
	if p.cfg.User != "" {
		req.SetBasicAuth(p.cfg.User, p.cfg.Password)
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return withoutURL(err)
	}
	if err := drain(resp.Body); err != nil {
		return err // the connection broke within the answer: it may not have been meant
	}
	return delivery.HTTPError(resp.StatusCode, resp.Header)
}

// Package httppost posts bodies to one URL and reuses their memory.
package httppost

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"sync"
	"time"

	"bookservice/tracer/delivery"
	"bookservice/tracer/internal/settings"
)

// maxAnswer is how much of an answer is read.
const maxAnswer = 64 << 10

// Config describes where and how to post.
type Config struct {
	URL            string
	Header         http.Header // sent with each post
	User, Password string      // for basic authentication; none if User is empty
	Gzip           bool        // compress bodies
	TLS            *tls.Config
	Conns          int           // idle connections to keep
	Timeout        time.Duration // of one post
}

// A Client posts. Its methods may be called concurrently.
type Client struct {
	cfg       Config
	header    http.Header
	transport *http.Transport
	client    *http.Client
}

// New returns a Client. It connects with the first post.
func New(cfg Config) *Client {
	header := cfg.Header.Clone()
	if cfg.Gzip {
		header.Set("Content-Encoding", "gzip")
	}
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig, t.MaxIdleConnsPerHost = cfg.TLS, cfg.Conns
	client := &http.Client{Transport: t, Timeout: cfg.Timeout, CheckRedirect: noRedirect}
	return &Client{cfg: cfg, header: header, transport: t, client: client}
}

// noRedirect disables redirects: net/http would follow with a GET, and any page that answers 200
// would count as success. For 307 and 308 the request that would follow has a body, which net/http
// does not close.
func noRedirect(next *http.Request, _ []*http.Request) error {
	if next.Body != nil {
		_ = next.Body.Close() // never fails
	}
	return http.ErrUseLastResponse
}

// An Answer is the response to a post.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte // its first 64 KiB
}

// Post posts the body, which it does not use after it has returned. The error does not contain the
// URL.
func (c *Client) Post(ctx context.Context, body []byte) (Answer, error) {
	if c.cfg.Gzip {
		z := zippers.Get().(*zipper)
		defer zippers.Put(z)
		body = z.zip(body)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.cfg.URL, nil)
	if err != nil {
		return Answer{}, &delivery.SendError{Kind: delivery.Drop, Err: settings.WithoutURL(err)}
	}
	shared := &sharedBody{bytes: body}
	defer shared.wait()
	req.ContentLength, req.GetBody = int64(len(body)), shared.open
	req.Body, _ = shared.open() // never fails
	req.Header = c.header.Clone()
	if c.cfg.User != "" {
		req.SetBasicAuth(c.cfg.User, c.cfg.Password)
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return Answer{}, settings.WithoutURL(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return Answer{}, err // the connection broke within the answer, so the status may be wrong
	}
	return Answer{resp.StatusCode, resp.Header, answer}, nil
}

// Close closes the idle connections.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// A sharedBody is the body of a request whose memory is reused after the request. net/http may
// still read the body after it has returned an answer or an error.
type sharedBody struct {
	bytes   []byte
	readers sync.WaitGroup
}

func (b *sharedBody) open() (io.ReadCloser, error) {
	b.readers.Add(1)
	return &sharedReader{bytes.NewReader(b.bytes), sync.OnceFunc(b.readers.Done)}, nil
}

// wait returns when all readers are closed.
func (b *sharedBody) wait() { b.readers.Wait() }

type sharedReader struct {
	*bytes.Reader
	done func()
}

func (r *sharedReader) Close() error {
	r.done()
	return nil
}

// A zipper compresses and keeps its memory for the next call.
type zipper struct {
	to bytes.Buffer
	w  *gzip.Writer
}

var zippers = sync.Pool{New: func() any {
	z := &zipper{}
	z.w, _ = gzip.NewWriterLevel(&z.to, gzip.BestSpeed) // fails only for an invalid level
	return z
}}

// zip returns b compressed. The result is valid until the next call.
func (z *zipper) zip(b []byte) []byte {
	z.to.Reset()
	z.w.Reset(&z.to)
	_, _ = z.w.Write(b) // a Buffer never fails
	_ = z.w.Close()
	return z.to.Bytes()
}

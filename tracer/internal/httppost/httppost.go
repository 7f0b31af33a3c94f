// Package httppost posts bodies to one URL and reuses their memory.
package httppost

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"bookservice/tracer/delivery"
	"bookservice/tracer/internal/conns"
	"bookservice/tracer/internal/losses"
	"bookservice/tracer/internal/settings"
)

// Limits on an answer, in bytes.
const (
	maxAnswer = 64 << 10  // how much of the body is read
	maxHeader = 256 << 10 // a longer header is an error
)

// idleTimeout is how long a connection may be unused before it is closed.
const idleTimeout = 90 * time.Second

// Config describes where and how to post.
type Config struct {
	URL            string
	Header         http.Header // sent with each post
	User, Password string      // for basic authentication; none if User is empty
	Gzip           bool        // compress bodies
	TLS            *settings.TLS
	Conns          int      // idle connections to keep
	Secrets        []string // that errors must not show, besides Password and those of URL
	Losses         *losses.Reporter
}

// A Client posts. It uses a proxy if the environment names one. It shares no state with
// [net/http.DefaultTransport], which a program may replace. Its methods may be called concurrently.
type Client struct {
	cfg     Config
	header  http.Header
	secrets settings.Secrets
	conns   conns.Renewed[*connection]
	zippers zippers
}

// A connection is a client, and what it was made from. It has any number of connections.
type connection struct {
	http.Client
	transport *http.Transport
	tls       *tls.Config
}

// New returns a Client. It connects with the first post.
func New(cfg Config) *Client {
	header := cfg.Header.Clone()
	if cfg.Gzip {
		header.Set("Content-Encoding", "gzip")
	}
	secrets := append(settings.URLSecrets(cfg.URL), cfg.Secrets...)
	if cfg.User != "" {
		secrets = append(secrets, cfg.Password, cfg.User+":"+cfg.Password)
	}
	c := &Client{cfg: cfg, header: header, secrets: settings.NewSecrets(secrets...)}
	c.conns.Open = c.open
	c.conns.Shut = func(conn *connection) { conn.transport.CloseIdleConnections() }
	c.conns.Stale = func(conn *connection) bool { return conn.tls != c.tls() }
	return c
}

func (c *Client) tls() *tls.Config {
	if c.cfg.TLS == nil {
		return nil
	}
	return c.cfg.TLS.Config()
}

func (c *Client) open(sockets *conns.Sockets) (*connection, error) {
	config := c.tls()
	t := &http.Transport{
		Proxy:                  conns.Proxy,
		DialContext:            sockets.Dial,
		TLSClientConfig:        config.Clone(), // net/http adds to it
		TLSHandshakeTimeout:    conns.ConnectTimeout,
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    c.cfg.Conns,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHeader,
		DisableCompression:     true, // an answer that cannot be decompressed still has a status
	}
	return &connection{http.Client{Transport: t, CheckRedirect: noRedirect}, t, config}, nil
}

// noRedirect disables redirects. net/http would follow with a GET, and any page that answers 200
// would count as success. It would also send the headers of the post, with their credentials, to
// the other host.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// An Answer is the response to a post.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte // its first 64 KiB, decompressed
}

// Error returns [delivery.HTTPError] of the answer. The text does not contain secrets that the
// answer echoes.
func (c *Client) Error(a Answer) error {
	return delivery.HTTPError(a.Status, a.Header, c.secrets.Redact(a.Body))
}

// MediaType returns the media type of the answer in lower case, without parameters. It is empty if
// the answer states none, or none that can be read.
func (a Answer) MediaType() string {
	mediaType, _, err := mime.ParseMediaType(a.Header.Get("Content-Type"))
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
		return ""
	}
	return mediaType
}

// Foreign returns the error of an answer that reports success and is not the collector's, such as
// the login page of a proxy.
func (c *Client) Foreign(a Answer) error {
	text := c.secrets.Quote(string(a.Body))
	if text != "" {
		text = ": " + text
	}
	return &delivery.SendError{
		Kind: delivery.RetryAfterFix,
		Err: fmt.Errorf("%d %s with the type %s is not a collector's answer%s", a.Status,
			http.StatusText(a.Status), c.secrets.Quote(a.MediaType()), text),
	}
}

// Post posts the body, which it does not use after it has returned. It returns when ctx ends. The
// error contains neither the URL nor a secret.
func (c *Client) Post(ctx context.Context, body []byte) (answer Answer, err error) {
	if c.cfg.Gzip {
		z := c.zippers.get()
		defer c.zippers.put(z)
		body = z.zip(body)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.cfg.URL, nil)
	if err != nil {
		return Answer{}, &delivery.SendError{Kind: delivery.Drop, Err: settings.WithoutURL(err)}
	}
	shared := newSharedBody(body)
	defer shared.revoke()
	req.ContentLength, req.GetBody = int64(len(body)), shared.open
	req.Body, _ = shared.open() // never fails
	req.Header = c.header.Clone()
	if lost := c.cfg.Losses.Value(ctx); lost != "" {
		req.Header.Set(losses.Header, lost)
	}
	if c.cfg.User != "" {
		req.SetBasicAuth(c.cfg.User, c.cfg.Password)
	}
	err = c.conns.Do(ctx, func(conn *connection) (err error) {
		answer, err = do(conn, req)
		return err
	})
	return answer, c.secrets.Error(settings.WithoutURL(err))
}

func do(conn *connection, req *http.Request) (Answer, error) {
	resp, err := conn.Do(req)
	if err != nil {
		return Answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return Answer{}, err // the connection broke within the answer, so the status may be wrong
	}
	if resp.Header.Get("Content-Encoding") == "gzip" {
		body = unzip(body)
	}
	return Answer{resp.StatusCode, resp.Header, body}, nil
}

// Close closes the connections. It returns within a second, whatever the network does.
func (c *Client) Close() { c.conns.Close() }

// Package zipkin sends batches of encoded spans to Zipkin's collectors over HTTP.
package zipkin

import (
	"context"
	"crypto/tls"
	"net/http"
	"time"

	"bookservice/tracer/delivery"
	"bookservice/tracer/internal/httppost"
)

// PostTimeout limits one attempt to deliver a batch.
const PostTimeout = 10 * time.Second

// Config describes the endpoint of a collector.
type Config struct {
	URL            string
	Header         http.Header // sent with each post; not nil
	User, Password string      // for basic authentication; none if User is empty
	Gzip           bool
	TLS            *tls.Config
	Format         Format
	Senders        int // concurrent posts
}

// A Sender posts batches to Zipkin's v2 API (openzipkin/zipkin-api).
type Sender struct {
	format Format
	client *httppost.Client
}

// NewSender returns a Sender. It connects with the first post.
func NewSender(cfg Config) *Sender {
	header := cfg.Header.Clone()
	header.Set("Content-Type", cfg.Format.ContentType())
	return &Sender{cfg.Format, httppost.New(httppost.Config{
		URL: cfg.URL, Header: header, User: cfg.User, Password: cfg.Password, Gzip: cfg.Gzip,
		TLS: cfg.TLS, Conns: cfg.Senders, Timeout: PostTimeout,
	})}
}

// Send implements [delivery.SendFunc].
func (s *Sender) Send(ctx context.Context, batch delivery.Batch) error {
	answer, err := s.client.Post(ctx, s.format.Message(batch))
	if err != nil {
		return err
	}
	return delivery.HTTPError(answer.Status, answer.Header, answer.Body)
}

// Close closes the idle connections.
func (s *Sender) Close() { s.client.Close() }

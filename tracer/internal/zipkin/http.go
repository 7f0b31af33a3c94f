// Package zipkin sends batches of encoded spans to Zipkin's collectors over HTTP.
package zipkin

import (
	"context"
	"net/http"

	"bookservice/tracer/delivery"
	"bookservice/tracer/internal/httppost"
	"bookservice/tracer/internal/settings"
)

// Config describes the endpoint of a collector.
type Config struct {
	URL            string
	Header         http.Header // sent with each post; not nil
	User, Password string      // for basic authentication; none if User is empty
	Gzip           bool
	TLS            *settings.TLS
	Format         Format
	Senders        int      // concurrent posts
	Secrets        []string // that errors must not show, besides Password and those of URL
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
		TLS: cfg.TLS, Conns: cfg.Senders, Secrets: cfg.Secrets,
	})}
}

// Send implements [delivery.SendFunc].
func (s *Sender) Send(ctx context.Context, batch delivery.Batch) error {
	answer, err := s.client.Post(ctx, s.format.Message(batch))
	if err != nil {
		return err
	}
	return s.client.Error(answer)
}

// Close closes the idle connections.
func (s *Sender) Close() { s.client.Close() }

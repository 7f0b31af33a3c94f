// Package zipkin sends batches of encoded spans to Zipkin's collectors over HTTP.
package zipkin

import (
	"context"
	"net/http"

	"bookservice/tracer/delivery"
	"bookservice/tracer/internal/httppost"
	"bookservice/tracer/internal/losses"
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
	Losses         *losses.Reporter
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
		TLS: cfg.TLS, Conns: cfg.Senders, Secrets: cfg.Secrets, Losses: cfg.Losses,
	})}
}

// Send implements [delivery.SendFunc]. Zipkin answers 202 without a body. Other collectors have
// other answers that report success, with a text or JSON. A web page is a proxy's.
func (s *Sender) Send(ctx context.Context, batch delivery.Batch) error {
	answer, err := s.client.Post(ctx, s.format.Message(batch))
	if err != nil {
		return err
	}
	if err := s.client.Error(answer); err != nil {
		return err
	}
	switch answer.MediaType() {
	case "text/html", "application/xhtml+xml":
		if len(answer.Body) > 0 {
			return s.client.Foreign(answer)
		}
	}
	return nil
}

// Close closes the idle connections.
func (s *Sender) Close() { s.client.Close() }

package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// A collector is Zipkin's POST endpoint. It keeps what is posted.
type collector struct {
	url    string
	server *http.Server

	mu     sync.Mutex
	posted bytes.Buffer
}

func startCollector(ctx context.Context) (*collector, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	c := &collector{url: "http://" + l.Addr().String() + "/api/v2/spans"}
	c.server = &http.Server{Handler: c, ReadHeaderTimeout: time.Minute}
	go func() { _ = c.server.Serve(l) }() // until close
	return c, nil
}

func (c *collector) close() { _ = c.server.Close() }

// ServeHTTP implements [http.Handler].
func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := read(r)
	if err != nil || r.Method != http.MethodPost || r.URL.Path != "/api/v2/spans" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.posted.Write(body)
	w.WriteHeader(http.StatusAccepted)
}

func read(r *http.Request) ([]byte, error) {
	if r.Header.Get("Content-Encoding") != "gzip" {
		return io.ReadAll(r.Body)
	}
	unzipped, err := gzip.NewReader(r.Body)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(unzipped)
}

// check returns an error unless a span with this name, of this service, was posted. Strings are
// plain text in protobuf.
func (c *collector) check(service, span string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	posted := c.posted.Bytes()
	if !bytes.Contains(posted, []byte(service)) || !bytes.Contains(posted, []byte(span)) {
		return errors.New("the collector has not received the span")
	}
	return nil
}

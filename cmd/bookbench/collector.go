package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/openzipkin/zipkin-go/model"
	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip" // accepts compressed requests
	"google.golang.org/grpc/mem"

	"bookservice/cmd/bookbench/internal/side"
	"bookservice/tracer/tracertest/receiver"
)

// A collector is the process that receives spans: of Zipkin in JSON and protobuf, and of OTLP over
// HTTP and gRPC. It keeps the posts as they arrived and decodes them when it is asked for a count,
// so that it takes little of the processors that server and client use.
type collector struct {
	delay time.Duration

	mu    sync.Mutex
	posts []post
	tally *tallier
}

// A report is what a process answers: a server or a client, or the collector.
type report struct {
	side.Report
	Zipkin string // URL that spans are posted to
	OTLP   string // host:port for OTLP over gRPC
	Tally  tally
}

// A post is a request with spans.
type post struct {
	path   string
	header http.Header
	body   []byte
}

// do obeys an order.
func (c *collector) do(o side.Order) report {
	switch o.Do {
	case "start":
		r, err := c.start(o.Settings.Delay)
		if err != nil {
			r.Err = err.Error()
		}
		return r
	case "count":
		return report{Tally: c.count(o.Spans)}
	}
	return report{Report: side.Report{Err: fmt.Sprintf("no order is named %q", o.Do)}}
}

// start serves until the process ends.
func (c *collector) start(delay time.Duration) (report, error) {
	c.delay = delay
	overHTTP, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return report{}, err
	}
	overGRPC, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return report{}, err
	}
	web := http.Server{Handler: c, ReadHeaderTimeout: time.Minute}
	go func() { _ = web.Serve(overHTTP) }()
	s := grpc.NewServer(grpc.ForceServerCodecV2(rawCodec{}), grpc.UnknownServiceHandler(c.export),
		grpc.MaxRecvMsgSize(64<<20))
	go func() { _ = s.Serve(overGRPC) }()
	return report{
		Zipkin: "http://" + overHTTP.Addr().String() + "/api/v2/spans",
		OTLP:   overGRPC.Addr().String(),
	}, nil
}

// ServeHTTP implements Zipkin's API and OTLP over HTTP.
func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the sender has given up
	}
	if !c.accept(r.Context().Done(), post{r.URL.Path, r.Header.Clone(), body}) {
		return
	}
	if r.URL.Path == "/v1/traces" {
		w.Header().Set("Content-Type", "application/x-protobuf")
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

// export implements OTLP over gRPC, whose answer is an empty message. It is the only service.
func (c *collector) export(_ any, stream grpc.ServerStream) error {
	var body []byte
	if err := stream.RecvMsg(&body); err != nil {
		return err
	}
	if !c.accept(stream.Context().Done(), post{path: "/v1/traces", body: body}) {
		return stream.Context().Err()
	}
	return stream.SendMsg(&[]byte{})
}

// accept waits for the delay and takes the post, unless its sender has given up before.
func (c *collector) accept(gone <-chan struct{}, p post) bool {
	if c.delay > 0 {
		select {
		case <-time.After(c.delay):
		case <-gone:
			return false
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.posts = append(c.posts, p)
	return true
}

// count decodes the posts that have arrived since the last count.
func (c *collector) count(spansOfTrace int) tally {
	c.mu.Lock()
	posts := c.posts
	c.posts = nil
	c.mu.Unlock()
	if c.tally == nil {
		c.tally = newTallier()
	}
	for _, p := range posts {
		spans, err := p.spans()
		c.tally.add(spans, err)
	}
	return c.tally.result(spansOfTrace)
}

// spans decodes a post.
func (p post) spans() ([]model.SpanModel, error) {
	r := http.Request{
		URL: &url.URL{Path: p.path}, Header: p.header, Body: io.NopCloser(bytes.NewReader(p.body)),
	}
	body, err := receiver.Body(&r)
	if err != nil {
		return nil, err
	}
	return receiver.Decode(&r, body)
}

// A rawCodec leaves messages as they are, in a *[]byte.
type rawCodec struct{}

var errNoBytes = errors.New("the message must be a *[]byte")

// Marshal implements [google.golang.org/grpc/encoding.CodecV2].
func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	b, ok := v.(*[]byte)
	if !ok {
		return nil, errNoBytes
	}
	return mem.BufferSlice{mem.SliceBuffer(*b)}, nil
}

// Unmarshal implements [google.golang.org/grpc/encoding.CodecV2].
func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	b, ok := v.(*[]byte)
	if !ok {
		return errNoBytes
	}
	*b = data.Materialize()
	return nil
}

// Name implements [google.golang.org/grpc/encoding.CodecV2].
func (rawCodec) Name() string { return "raw" }

// Package admin serves what operators look at, on an address of its own: /metrics for Prometheus.
package admin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"bookservice/tracer"
	tracerprom "bookservice/tracer/prometheus"
)

// A Server answers until Close.
type Server struct {
	listener net.Listener
	http     http.Server
	served   chan error
}

// Start listens at addr and serves the tracer's counters, and those of the process.
func Start(addr string, m *tracer.Metrics) (*Server, error) {
	registry := prometheus.NewRegistry()
	for _, c := range []prometheus.Collector{tracerprom.NewCollector(m), collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})} {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("admin: %w", err)
		}
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("admin-addr %s: %w", addr, err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	s := &Server{listener: l, served: make(chan error, 1), http: http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}}
	go func() { s.served <- s.http.Serve(l) }()
	return s, nil
}

// Addr returns the address that is listened at.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Close ends the server; answers under way have a second.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	<-s.served
	return err
}

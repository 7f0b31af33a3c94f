// Package admin serves /metrics for Prometheus on an address of its own.
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

// closeTimeout is how long Close waits for requests in flight.
const closeTimeout = time.Second

// A Server answers requests from Start until Close.
type Server struct {
	listener net.Listener
	http     http.Server
	served   chan error
	registry *prometheus.Registry
}

// Start listens on addr and serves the counters of the tracer and the process.
func Start(addr string, m *tracer.Metrics) (*Server, error) {
	registry := prometheus.NewRegistry()
	for _, c := range []prometheus.Collector{
		tracerprom.NewCollector(m),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	} {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("admin: %w", err)
		}
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	s := serve(l, mux)
	s.registry = registry
	return s, nil
}

func serve(l net.Listener, h http.Handler) *Server {
	s := &Server{
		listener: l,
		http:     http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second},
		served:   make(chan error, 1),
	}
	go func() { s.served <- s.http.Serve(l) }()
	return s
}

// Addr returns the address that the server listens on.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Close stops the server. Requests in flight are cancelled after a second, which is an error.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	if served := <-s.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

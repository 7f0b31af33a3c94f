// Package admin serves /metrics for Prometheus on an address of its own.
package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"bookservice/tracer"
	tracerprom "bookservice/tracer/prometheus"
)

// Limits of a connection.
const (
	closeTimeout  = time.Second // for requests in flight
	headerTimeout = 5 * time.Second
	readTimeout   = 10 * time.Second
	writeTimeout  = 30 * time.Second
	idleTimeout   = 2 * time.Minute
	maxHeader     = 16 << 10 // bytes; net/http adds 4 KiB
)

// Config is the configuration of a [Server].
type Config struct {
	Addr string // host:port to listen on

	// Hosts are the names in the Host header of requests that are answered, beside IP addresses,
	// localhost and the host of Addr. "*" allows all names.
	Hosts []string
}

// A Server answers requests from Start until Close.
type Server struct {
	listener net.Listener
	http     http.Server
	served   chan error
	registry *prometheus.Registry
}

// Start listens and serves the counters of the tracer and the process. The server logs to log.
func Start(c Config, m *tracer.Metrics, log *slog.Logger) (*Server, error) {
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
	l, err := net.Listen("tcp", c.Addr)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	s := serve(l, checkHost(c, mux, log), log)
	s.registry = registry
	return s, nil
}

func serve(l net.Listener, h http.Handler, log *slog.Logger) *Server {
	s := &Server{
		listener: l,
		http: http.Server{
			Handler: h, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout,
			WriteTimeout: writeTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
			ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		},
		served: make(chan error, 1),
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

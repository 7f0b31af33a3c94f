// Package collector runs a collector of spans on its addresses.
package collector

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"google.golang.org/grpc"

	"bookservice/cmd/internal/grpcserver"
	"bookservice/cmd/internal/shutdown"
	"bookservice/configs"
	"bookservice/tracer/collector"
	"bookservice/tracer/collector/otlpgrpc"
)

// Limits of a connection.
const (
	headerTimeout = 10 * time.Second
	readTimeout   = time.Minute
	idleTimeout   = 2 * time.Minute
	stopTimeout   = time.Second // for requests in flight
	maxHeader     = 64 << 10
	maxStreams    = 100              // requests in flight of one gRPC connection
	maxIdle       = 15 * time.Minute // of a gRPC connection
)

// A Server is a running collector.
type Server struct {
	cfg    configs.Collector
	log    *slog.Logger
	open   *shutdown.Stack
	http   net.Listener
	grpc   net.Listener // nil if it is not asked for
	failed chan error

	collector *collector.Collector
	stopHTTP  func(context.Context) error // ends serving HTTP
}

// Start starts a collector. The caller must call [Server.Stop].
func Start(cfg configs.Collector, log *slog.Logger) (*Server, error) {
	s := &Server{cfg: cfg, log: log, open: shutdown.New(log), failed: make(chan error, 2)}
	if err := s.start(); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

func (s *Server) start() (err error) {
	s.cfg.Store.Logger = cmp.Or(s.cfg.Store.Logger, s.log)
	c, err := collector.New(s.cfg.Store)
	if err != nil {
		return err
	}
	if s.http, err = s.listen("addr", s.cfg.Addr); err != nil {
		return err
	}
	if s.cfg.OTLPGRPCAddr != "" {
		if s.grpc, err = s.listen("otlp-grpc-addr", s.cfg.OTLPGRPCAddr); err != nil {
			return err
		}
		s.serveGRPC(c)
	}
	s.serveHTTP(c)
	return nil
}

func (s *Server) listen(name, addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, configs.CannotListen(name, addr, err)
	}
	s.open.Push(name, func() error {
		if err := l.Close(); !errors.Is(err, net.ErrClosed) { // the server's stop closes it
			return err
		}
		return nil
	})
	return l, nil
}

// serveHTTP serves the collector until the server is stopped.
func (s *Server) serveHTTP(c *collector.Collector) {
	s.collector = c
	s.serve(s.http)
	s.open.Push("HTTP server", func() error {
		err := c.Close()
		ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
		defer cancel()
		return errors.Join(err, s.stopHTTP(ctx))
	})
	s.log.Info("collector serving", "addr", s.Addr())
}

// serve starts to answer requests that arrive at l.
func (s *Server) serve(l net.Listener) {
	server := &http.Server{
		Handler: s.collector, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- fmt.Errorf("serve HTTP: %w", err)
		}
	}()
	s.stopHTTP = func(ctx context.Context) (err error) {
		if server.Shutdown(ctx) != nil {
			err = server.Close()
		}
		<-done
		return err
	}
}

// Pause ends serving HTTP as an outage does: connections break, and further ones are refused. The
// spans stay in memory.
func (s *Server) Pause() error {
	now, cancel := context.WithCancel(context.Background())
	cancel()
	return s.stopHTTP(now)
}

// Resume serves HTTP again, at the same address.
func (s *Server) Resume() error {
	l, err := net.Listen("tcp", s.Addr())
	if err != nil {
		return err
	}
	s.serve(l)
	return nil
}

func (s *Server) serveGRPC(c *collector.Collector) {
	limits := grpcserver.Config{MaxStreams: maxStreams, MaxIdle: maxIdle}
	server := grpcserver.New(limits,
		grpc.MaxRecvMsgSize(int(min(s.cfg.Store.MaxUnfolded, 1<<30))),
		grpc.MaxHeaderListSize(maxHeader))
	otlpgrpc.Register(server, c)
	go func() {
		if err := server.Serve(s.grpc); err != nil {
			s.failed <- fmt.Errorf("serve gRPC: %w", err)
		}
	}()
	s.open.Push("gRPC server", func() error { return server.Drain(stopTimeout) })
	s.log.Info("collector serving OTLP over gRPC", "addr", s.grpc.Addr().String())
}

// Addr returns the host:port that HTTP is served on.
func (s *Server) Addr() string { return s.http.Addr().String() }

// URL returns the address without a path, for a client on this machine.
func (s *Server) URL() string { return localURL(s.Addr()) }

// GRPCURL is URL for OTLP over gRPC. It is empty if that is not served.
func (s *Server) GRPCURL() string {
	if s.grpc == nil {
		return ""
	}
	return localURL(s.grpc.Addr().String())
}

// localURL returns the URL of an address that is listened on. One without a host is reached by the
// name localhost.
func localURL(addr string) string {
	if host, port, err := net.SplitHostPort(addr); err == nil {
		if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
			addr = net.JoinHostPort("localhost", port)
		}
	}
	return "http://" + addr
}

// Wait returns nil when ctx ends, or an error when serving fails.
func (s *Server) Wait(ctx context.Context) error {
	select {
	case err := <-s.failed:
		return err
	case <-ctx.Done():
		return nil
	}
}

// Stop stops the server. Requests in flight have a second.
func (s *Server) Stop() { s.open.Close() }

// Package server is bookserver without its command line: a book service on gRPC that registers and is traced.
package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"time"

	"github.com/opentracing/opentracing-go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"bookservice/api/book"
	"bookservice/cmd/internal/admin"
	"bookservice/configs"
	"bookservice/discovery"
	"bookservice/service"
	"bookservice/service/bookendpoint"
	"bookservice/service/bookgrpc"
	"bookservice/service/inmem"
	"bookservice/tracer"
	"bookservice/tracer/all"
)

// A Server answers calls from Start until Stop.
type Server struct {
	cfg       configs.Server
	log       *slog.Logger
	listener  net.Listener
	closer    io.Closer // flushes the tracer
	metrics   *tracer.Metrics
	admin     *admin.Server // nil for none
	registry  discovery.Registry
	registrar discovery.Registrar
	health    *health.Server
	grpc      *grpc.Server
	served    chan error
}

// Start listens, serves and registers, in this order. When it returns an error nothing is left running. Further
// options are for the tracer.
func Start(ctx context.Context, cfg configs.Server, log *slog.Logger, opts ...tracer.Option) (_ *Server, err error) {
	s := &Server{cfg: cfg, log: log, metrics: &tracer.Metrics{}, health: health.NewServer(), served: make(chan error, 1)}
	defer func() {
		if err != nil {
			s.Stop()
		}
	}()
	books, err := open(cfg)
	if err != nil {
		return s, err
	}
	if s.listener, err = net.Listen("tcp", cfg.GRPCAddr); err != nil {
		return s, fmt.Errorf("grpc-addr %s: %w", cfg.GRPCAddr, err)
	}
	cfg.Tracer.Address = s.Addr()
	tr, closer, err := all.Open(ctx, cfg.Tracer, append([]tracer.Option{tracer.WithLogger(log), tracer.WithMetrics(s.metrics)}, opts...)...)
	if err != nil {
		return s, err
	}
	s.closer = closer
	if s.registry, err = discovery.Open(ctx, cfg.Discovery, discovery.WithLogger(log)); err != nil {
		return s, err
	}
	if cfg.AdminAddr != "" {
		if s.admin, err = admin.Start(cfg.AdminAddr, s.metrics); err != nil {
			return s, err
		}
		log.Info("admin", "addr", s.admin.Addr())
	}
	s.serve(books, tr)
	s.registrar = s.registry.Registrar("", s.Addr())
	if err = s.register(ctx); err != nil {
		return s, err
	}
	log.Info("serving", "grpc", s.listener.Addr().String(), "registered", s.Addr(), "tracer", cfg.Tracer.Backend)
	return s, nil
}

func open(cfg configs.Server) (service.Service, error) {
	books := inmem.Default()
	if cfg.Books != "" {
		var err error
		if books, err = inmem.Load(cfg.Books); err != nil {
			return nil, err
		}
	}
	return service.WithLatency(books, cfg.LatencyList, cfg.LatencyInfo), nil
}

func (s *Server) serve(books service.Service, tr opentracing.Tracer) {
	set := bookendpoint.New(books, bookendpoint.Guards(s.cfg.Guards, s.log))
	s.grpc = grpc.NewServer(bookgrpc.ServerOptions()...)
	bookgrpc.Register(s.grpc, bookgrpc.NewServer(set, tr, s.log))
	healthpb.RegisterHealthServer(s.grpc, s.health)
	s.health.SetServingStatus(book.BookService_ServiceDesc.ServiceName, healthpb.HealthCheckResponse_SERVING)
	bookgrpc.RegisterReflection(s.grpc)
	go func() { s.served <- s.grpc.Serve(s.listener) }()
}

func (s *Server) register(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Discovery.Timeout)
	defer cancel()
	return s.registrar.Register(ctx)
}

// Addr returns the address that is registered.
func (s *Server) Addr() string {
	if s.cfg.Advertise != "" {
		return s.cfg.Advertise
	}
	return s.listener.Addr().String()
}

// Wait returns when ctx ends, or with an error when serving does.
func (s *Server) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.served:
		return fmt.Errorf("serve %s: %w", s.listener.Addr(), err)
	}
}

// Stop leaves discovery before it refuses calls, and flushes the tracer last. It logs what goes wrong: nothing can be
// done about it any more.
func (s *Server) Stop() {
	s.health.Shutdown()
	if s.registrar != nil && s.deregister() && s.cfg.DrainDelay > 0 {
		<-time.After(s.cfg.DrainDelay) // clients hear of it in this time
	}
	switch {
	case s.grpc != nil:
		s.drain()
	case s.listener != nil:
		s.report("listener", s.listener.Close())
	}
	if s.registry != nil {
		s.report("discovery", s.registry.Close())
	}
	if s.closer != nil {
		s.report("tracer", s.closer.Close())
	}
	if s.admin != nil { // last, so that the flush can be watched
		s.report("admin", s.admin.Close())
	}
}

// deregister reports whether there was somebody to tell.
func (s *Server) deregister() bool {
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.Discovery.Timeout)
	defer cancel()
	err := s.registrar.Deregister(ctx)
	s.report("discovery", err)
	return err == nil
}

func (s *Server) drain() {
	drained := make(chan struct{})
	go func() {
		s.grpc.GracefulStop()
		close(drained)
	}()
	select {
	case <-drained:
	case <-time.After(s.cfg.DrainTimeout):
		s.report("drain", errors.New("calls still in flight are ended"))
		s.grpc.Stop()
		<-drained
	}
}

func (s *Server) report(part string, err error) {
	if err != nil {
		s.log.Warn("stop", "part", part, "err", err)
	}
}

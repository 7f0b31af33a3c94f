// Package server is bookserver without its command line: a book service over gRPC that registers
// in discovery and is traced.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/opentracing/opentracing-go"
	_ "google.golang.org/grpc/encoding/gzip" // a compression that foreign clients may use
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"bookservice/api/book"
	"bookservice/cmd/internal/admin"
	"bookservice/cmd/internal/grpcserver"
	"bookservice/cmd/internal/shutdown"
	"bookservice/configs"
	"bookservice/discovery"
	"bookservice/service"
	"bookservice/service/bookendpoint"
	"bookservice/service/bookgrpc"
	"bookservice/service/inmem"
	"bookservice/tracer"
	"bookservice/tracer/all"
)

// lookupTimeout is the limit of the resolution of the registered name.
const lookupTimeout = 2 * time.Second

// A Server answers calls from Start until Stop.
type Server struct {
	cfg      configs.Server
	log      *slog.Logger
	listener net.Listener
	served   chan error // receives the error that ends serving
	open     *shutdown.Stack
	grpc     *grpcserver.Server
	admin    *admin.Server // nil without an address for it
	limiter  *bookendpoint.Limiter
}

// Start listens, serves and registers, in this order. After an error nothing is left running, and
// there is nothing to stop. The options are for the tracer.
func Start(ctx context.Context, cfg configs.Server, log *slog.Logger,
	opts ...tracer.Option) (*Server, error) {
	s := &Server{
		cfg: cfg, log: log, served: make(chan error, 1), open: shutdown.New(log),
		limiter: bookendpoint.NewLimiter(cfg.Guards, log),
	}
	if err := s.start(ctx, opts); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

// start opens the parts in the order that Stop needs: it closes the last one first.
func (s *Server) start(ctx context.Context, opts []tracer.Option) error {
	books, err := catalogue(s.cfg)
	if err != nil {
		return err
	}
	if err := s.listen(); err != nil {
		return err
	}
	metrics := &tracer.Metrics{}
	if err := s.startAdmin(metrics); err != nil { // closed late: it shows the last flush
		return err
	}
	tr, err := s.openTracer(ctx, append([]tracer.Option{tracer.WithMetrics(metrics)}, opts...))
	if err != nil {
		return err
	}
	registry, err := discovery.Open(ctx, s.cfg.Discovery, discovery.WithLogger(s.log))
	if err != nil {
		return err
	}
	s.open.PushWithin(shutdown.Beyond(s.cfg.Discovery.Timeout), "discovery", registry.Close)
	if s.admin != nil {
		if err := s.admin.AddDiscovery(registry.Status); err != nil {
			return err
		}
	}
	status := s.serve(books, tr)
	if err := s.register(ctx, registry.Registrar("", s.Addr())); err != nil {
		return err
	}
	s.open.Push("health", func() error { status.Shutdown(); return nil })
	s.log.Info("serving", "grpc", s.listener.Addr().String(), "advertised", s.Addr(),
		"tracer", s.cfg.Tracer.Backend)
	if g := s.cfg.Guards; g.RateMode != bookendpoint.RateOff {
		s.log.Info("calls are limited", "mode", g.RateMode, "burst", g.RateBurst,
			"then_one_every", g.RateEvery.String(), "queue", g.RateQueue)
	}
	return nil
}

func catalogue(cfg configs.Server) (service.Service, error) {
	books := inmem.Default()
	if cfg.Books != "" {
		var err error
		if books, err = inmem.Load(cfg.Books); err != nil {
			return nil, configs.Invalid("books", cfg.Books, "must be a catalogue: "+err.Error())
		}
	}
	slow := service.WithLatency(books, cfg.LatencyList, cfg.LatencyInfo)
	return service.WithFailures(slow, cfg.FailShare), nil
}

func (s *Server) listen() (err error) {
	if s.listener, err = net.Listen("tcp", s.cfg.GRPCAddr); err != nil {
		return configs.CannotListen("grpc-addr", s.cfg.GRPCAddr, err)
	}
	s.open.Push("listener", func() error {
		if err := s.listener.Close(); !errors.Is(err, net.ErrClosed) { // gRPC's stop closes it
			return err
		}
		return nil
	})
	return nil
}

func (s *Server) startAdmin(m *tracer.Metrics) error {
	if s.cfg.AdminAddr == "" {
		return nil
	}
	c := admin.Config{Addr: s.cfg.AdminAddr, Hosts: strings.Split(s.cfg.AdminHosts, ",")}
	a, err := admin.Start(c, m, s.log)
	if err != nil {
		return configs.CannotListen("admin-addr", s.cfg.AdminAddr, err)
	}
	s.open.Push("admin", a.Close)
	s.admin = a
	if err := a.AddRate(s.limiter.Stats); err != nil {
		return err
	}
	s.log.Info("serving metrics", "addr", a.Addr())
	return nil
}

func (s *Server) openTracer(ctx context.Context, opts []tracer.Option) (opentracing.Tracer, error) {
	c := s.cfg.Tracer
	c.Address = s.spanAddress(ctx)
	opts = append([]tracer.Option{tracer.WithLogger(s.log)}, opts...)
	tr, closer, err := all.Open(ctx, c, opts...)
	if err != nil {
		return nil, err
	}
	s.open.PushWithin(shutdown.Beyond(s.cfg.Tracer.FlushTimeout), "tracer", closer.Close)
	return tr, nil
}

// spanAddress returns the address for the server's spans: the registered one, or the bound one if
// this machine cannot resolve the name that clients use.
func (s *Server) spanAddress(ctx context.Context) string {
	if s.cfg.Tracer.Backend == "noop" {
		return ""
	}
	host, _, err := net.SplitHostPort(s.Addr())
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
		defer cancel()
		_, err = net.DefaultResolver.LookupHost(ctx, host)
	}
	if err != nil {
		bound := s.listener.Addr().String()
		s.log.Warn("spans have the bound address",
			"advertised", s.Addr(), "bound", bound, "err", err)
		return bound
	}
	return s.Addr()
}

// serve starts the gRPC server and returns the status that its health service reports.
func (s *Server) serve(books service.Service, tr opentracing.Tracer) *grpcserver.Health {
	set := bookendpoint.New(books, bookendpoint.Recover(s.log), s.limiter.Middleware)
	server := grpcserver.New(grpcserver.Config{
		MaxStreams: s.cfg.MaxStreams,
		MaxIdle:    s.cfg.MaxConnectionIdle,
		MaxAge:     s.cfg.MaxConnectionAge,
		AgeGrace:   s.cfg.DrainTimeout,
	}, bookgrpc.ServerOptions()...)
	status := grpcserver.NewHealth()
	bookgrpc.Register(server, bookgrpc.NewServer(set, tr, s.log))
	healthpb.RegisterHealthServer(server, status)
	name := book.BookService_ServiceDesc.ServiceName
	status.SetServingStatus(name, healthpb.HealthCheckResponse_SERVING)
	bookgrpc.RegisterReflection(server.Server)
	s.grpc = server
	s.open.Push("rate limit", func() error { s.limiter.Report(); return nil })
	go func() { s.served <- server.Serve(s.listener) }()
	limit := s.cfg.DrainTimeout
	s.open.PushWithin(shutdown.Beyond(limit), "gRPC", func() error {
		if err := server.Drain(limit); err != nil {
			return fmt.Errorf("%w (-drain-timeout)", err)
		}
		return nil
	})
	return status
}

func (s *Server) register(ctx context.Context, r discovery.Registrar) error {
	timeout, cancel := context.WithTimeout(ctx, s.cfg.Discovery.Timeout)
	defer cancel()
	err := r.Register(timeout)
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("registering %s in etcd at %s", s.Addr(),
			strings.Join(s.cfg.Discovery.Etcd, ", "))
	}
	if err != nil {
		return err
	}
	s.open.PushWithin(shutdown.Beyond(s.cfg.Discovery.Timeout, s.cfg.DrainDelay), "registration",
		func() error { return s.deregister(r) })
	return nil
}

// deregister removes the registration and gives clients the time to notice.
func (s *Server) deregister(r discovery.Registrar) error {
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.Discovery.Timeout)
	defer cancel()
	if err := r.Deregister(ctx); err != nil {
		return err
	}
	if s.cfg.DrainDelay > 0 {
		<-time.After(s.cfg.DrainDelay)
	}
	return nil
}

// ShowLostLines adds the number of lost log lines to /metrics. It must be called once at most.
func (s *Server) ShowLostLines(lost func() uint64) error {
	if s.admin == nil {
		return nil
	}
	return s.admin.AddLostLines(lost)
}

// Addr returns the advertised address: the one that is registered, if a registry is in use.
func (s *Server) Addr() string {
	if s.cfg.Advertise != "" {
		return s.cfg.Advertise
	}
	return s.listener.Addr().String()
}

// Wait blocks until ctx ends and returns nil, or until serving ends and returns its error.
func (s *Server) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.served:
		if err == nil {
			err = errors.New("stopped") // by Kill
		}
		return fmt.Errorf("serve %s: %w", s.listener.Addr(), err)
	}
}

// Kill ends serving as a crash does: all connections break, calls in flight fail, and the server
// stays registered. Call Stop afterwards.
func (s *Server) Kill() { s.grpc.Kill() }

// Stop stops the server in this order:
//
//  1. The health service reports NOT_SERVING.
//  2. The registration is removed, within -etcd-timeout. After it, clients have -drain-delay to
//     notice.
//  3. The listener is closed, and connections without a complete HTTP/2 handshake. Streams (health,
//     reflection) end with Unavailable. The calls in flight have -drain-timeout; then they are
//     cancelled.
//  4. The connection to etcd is closed.
//  5. The spans are flushed, within -flush-timeout.
//  6. The admin port is closed.
//
// Each step takes place also if one before it fails or does not return. Stop logs errors.
func (s *Server) Stop() { s.open.Close() }

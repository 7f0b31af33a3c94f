package grpcserver

import (
	"context"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// endStream is an interceptor that ends a stream when the server stops: its context ends, and if
// the handler does not return then, the stream ends without it.
func (s *Server) endStream(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo,
	handler grpc.StreamHandler) error {
	ctx, cancel := context.WithCancel(stream.Context())
	defer cancel()
	var err error // of the handler, when handled is closed
	handled := make(chan struct{})
	go func() {
		defer close(handled)
		err = handler(srv, contextStream{stream, ctx})
	}()
	select {
	case <-handled:
		return err
	case <-s.stopping.Done():
	}
	cancel()
	grace := time.NewTimer(streamGrace)
	defer grace.Stop()
	select {
	case <-handled:
	case <-grace.C: // the handler waits for the client; the end of the stream ends this
	}
	return status.Error(codes.Unavailable, "the server is stopping")
}

// A contextStream is a stream with another context.
type contextStream struct {
	grpc.ServerStream
	ctx context.Context
}

func (s contextStream) Context() context.Context { return s.ctx }

// Health is gRPC's health service. A client that watches it receives NOT_SERVING before its stream
// ends.
type Health struct {
	*health.Server
	shutdown atomic.Bool
}

// NewHealth returns a service that reports SERVING for the server as a whole.
func NewHealth() *Health { return &Health{Server: health.NewServer()} }

// Shutdown reports NOT_SERVING from now on.
func (h *Health) Shutdown() {
	h.shutdown.Store(true)
	h.Server.Shutdown()
}

// Watch implements the health service.
func (h *Health) Watch(r *healthpb.HealthCheckRequest, stream healthpb.Health_WatchServer) error {
	w := &watch{Health_WatchServer: stream}
	err := h.Server.Watch(r, w)
	if h.shutdown.Load() && w.last == healthpb.HealthCheckResponse_SERVING {
		last := &healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_NOT_SERVING}
		_ = stream.Send(last) // fails if the client has ended the stream
	}
	return err
}

// A watch remembers the last status that was sent.
type watch struct {
	healthpb.Health_WatchServer
	last healthpb.HealthCheckResponse_ServingStatus
}

func (w *watch) Send(r *healthpb.HealthCheckResponse) error {
	w.last = r.GetStatus()
	return w.Health_WatchServer.Send(r)
}

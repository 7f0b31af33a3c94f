// Package grpcserver runs gRPC servers that stop within a limit, whatever their clients do, and
// whose connections have limits.
//
// [grpc.Server.GracefulStop] and [grpc.Server.Stop] wait for handshakes, up to two minutes for a
// connection that sends nothing, and GracefulStop waits for all streams. [Server.Drain] waits for
// calls only.
package grpcserver

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
)

// Limits of a connection.
const (
	connectTimeout = 10 * time.Second // for the HTTP/2 handshake
	minAge         = time.Millisecond
	pingAfter      = time.Minute // without received data, the server probes the client
	pingTimeout    = 20 * time.Second
)

// Limits of [Server.Drain].
const (
	handshakeGrace = 500 * time.Millisecond // for connections that have not sent HTTP/2's preface
	streamGrace    = 500 * time.Millisecond // for the handler of a stream, after its context ends
	handlerGrace   = time.Second            // for handlers, after their connections are closed
)

// Config is the configuration of a [Server]. The zero value has no limits.
type Config struct {
	MaxStreams int // calls in flight on one connection; 0 for no limit

	// MaxIdle is the time without calls after which a connection is closed, and MaxAge is the age
	// at which a connection is closed; gRPC changes it at random by up to 10 % for each connection.
	// 0 is no limit. The client is told before (GOAWAY), and calls in flight may end within
	// AgeGrace.
	MaxIdle, MaxAge, AgeGrace time.Duration
}

// age returns MaxAge with a change of 10 % that is possible: gRPC panics if it is 0, and closes
// connections at once if it overflows.
func (c Config) age() time.Duration {
	if c.MaxAge == 0 {
		return 0
	}
	return min(max(c.MaxAge, minAge), math.MaxInt64/2)
}

// A Server is a gRPC server. Services are registered with the embedded server; Drain and Kill end
// it.
type Server struct {
	*grpc.Server
	conns    *connections
	stopping context.Context // ends when Drain begins
	stop     context.CancelFunc
}

// New returns a server with the limits of c and further options.
func New(c Config, opts ...grpc.ServerOption) *Server {
	s := &Server{conns: newConnections()}
	s.stopping, s.stop = context.WithCancel(context.Background())
	streams := uint32(math.MaxUint32)
	if c.MaxStreams > 0 {
		streams = uint32(min(c.MaxStreams, math.MaxInt32))
	}
	own := []grpc.ServerOption{
		grpc.ConnectionTimeout(connectTimeout),
		grpc.MaxConcurrentStreams(streams),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionIdle: c.MaxIdle, MaxConnectionAge: c.age(),
			MaxConnectionAgeGrace: c.AgeGrace, Time: pingAfter, Timeout: pingTimeout,
		}),
		grpc.ChainStreamInterceptor(s.endStream),
	}
	s.Server = grpc.NewServer(append(own, opts...)...)
	return s
}

// Serve answers calls on l until Drain or Kill, and then returns nil. It closes l.
func (s *Server) Serve(l net.Listener) error { return s.Server.Serve(s.conns.listener(l)) }

// Drain stops the server. It closes the listener, tells clients to connect elsewhere (GOAWAY),
// and ends streams with the code Unavailable. Then it waits for the calls in flight. After limit it
// closes all connections, which cancels the calls, and returns an error at most a second later. A
// client without calls that does not respond to GOAWAY's ping costs up to 5 s of the limit (gRPC's
// constant).
func (s *Server) Drain(limit time.Duration) error {
	s.conns.limitHandshakes(time.Now().Add(min(handshakeGrace, limit/4)))
	s.stop()
	drained := make(chan struct{})
	go func() {
		s.GracefulStop()
		close(drained)
	}()
	select {
	case <-drained:
		return nil
	case <-time.After(limit):
	}
	go s.Kill()
	select {
	case <-drained:
		return fmt.Errorf("calls in flight cancelled after %v", limit)
	case <-time.After(handlerGrace):
		return errors.New("calls in flight cancelled, and some do not end")
	}
}

// Kill closes all connections, which cancels the calls in flight. It does not wait for handlers.
func (s *Server) Kill() {
	s.stop()
	s.conns.limitHandshakes(time.Now())
	s.conns.closeAll()
	s.Stop()
}

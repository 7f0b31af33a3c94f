package grpcserver_test

import (
	"context"
	"io"
	"math"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"bookservice/cmd/internal/grpcserver"
	"bookservice/tracer/tracertest/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A stuck health service answers when it is released, whatever happens to the call.
type stuck struct {
	healthpb.UnimplementedHealthServer
	called, release chan struct{}
}

func newStuck() stuck {
	return stuck{called: make(chan struct{}), release: make(chan struct{})}
}

func (s stuck) Check(context.Context, *healthpb.HealthCheckRequest) (
	*healthpb.HealthCheckResponse, error) {
	close(s.called)
	<-s.release
	return &healthpb.HealthCheckResponse{}, nil
}

func (s stuck) Watch(_ *healthpb.HealthCheckRequest,
	stream grpc.ServerStreamingServer[healthpb.HealthCheckResponse]) error {
	close(s.called)
	<-s.release
	return stream.Send(&healthpb.HealthCheckResponse{})
}

// serve returns a server of a health service, and a client.
func serve(t *testing.T, h healthpb.HealthServer) (*grpcserver.Server, string,
	healthpb.HealthClient) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpcserver.New(grpcserver.Config{})
	healthpb.RegisterHealthServer(s, h)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	conn, err := grpc.NewClient(l.Addr().String(),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		if err := <-served; err != nil {
			t.Errorf("Serve: have %v, want nil", err)
		}
	})
	return s, l.Addr().String(), healthpb.NewHealthClient(conn)
}

// checkTook checks that what began then has taken from least to most.
func checkTook(t *testing.T, began time.Time, least, most time.Duration) {
	t.Helper()
	if took := time.Since(began); took < least || took > most {
		t.Errorf("it took %v, want %v to %v", took, least, most)
	}
}

// Drain lets a call in flight end.
func TestDrainWaitsForCalls(t *testing.T) {
	h := newStuck()
	s, _, client := serve(t, h)
	result := make(chan error, 1)
	go func() {
		_, err := client.Check(t.Context(), &healthpb.HealthCheckRequest{})
		result <- err
	}()
	<-h.called
	time.AfterFunc(200*time.Millisecond, func() { close(h.release) })
	began := time.Now()
	if err := s.Drain(time.Minute); err != nil {
		t.Error(err)
	}
	checkTook(t, began, 200*time.Millisecond, 30*time.Second)
	if err := <-result; err != nil {
		t.Errorf("have %v for the call in flight, want its response", err)
	}
}

// Drain returns although a handler does not end when its call is cancelled.
func TestDrainDoesNotWaitForAHandlerForEver(t *testing.T) {
	testkit.Slow(t)
	h := newStuck()
	s, _, client := serve(t, h)
	result := make(chan error, 1)
	go func() {
		_, err := client.Check(t.Context(), &healthpb.HealthCheckRequest{})
		result <- err
	}()
	<-h.called
	began := time.Now()
	err := s.Drain(100 * time.Millisecond)
	if err == nil || !strings.Contains(err.Error(), "some do not end") {
		t.Errorf("have %v, want an error about the handler", err)
	}
	checkTook(t, began, time.Second, 30*time.Second)
	if err := <-result; status.Code(err) != codes.Unavailable {
		t.Errorf("have %v, want Unavailable", err)
	}
	close(h.release)
}

// A stream ends although its handler does not.
func TestDrainEndsStreams(t *testing.T) {
	h := newStuck()
	s, _, client := serve(t, h)
	stream, err := client.Watch(t.Context(), &healthpb.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	<-h.called
	began := time.Now()
	if err := s.Drain(time.Minute); err != nil {
		t.Error(err)
	}
	checkTook(t, began, 0, 30*time.Second)
	if _, err := stream.Recv(); status.Code(err) != codes.Unavailable {
		t.Errorf("have %v, want Unavailable", err)
	}
	close(h.release)
}

// Neither Drain nor Kill waits for connections that send nothing, also if they are made meanwhile.
func TestSilentConnections(t *testing.T) {
	for name, stop := range map[string]func(*grpcserver.Server) error{
		"Drain": func(s *grpcserver.Server) error { return s.Drain(time.Minute) },
		"Kill":  func(s *grpcserver.Server) error { s.Kill(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			s, addr, client := serve(t, grpcserver.NewHealth())
			if _, err := client.Check(t.Context(), &healthpb.HealthCheckRequest{}); err != nil {
				t.Fatal(err)
			}
			dialing, end := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() {
				defer close(done)
				for dialing.Err() == nil {
					conn, err := net.Dial("tcp", addr)
					if err != nil {
						return
					}
					defer conn.Close()
				}
			}()
			began := time.Now()
			if err := stop(s); err != nil {
				t.Error(err)
			}
			checkTook(t, began, 0, 30*time.Second)
			end()
			<-done
		})
	}
}

// A client that watches receives NOT_SERVING before the end of the stream, whenever Drain begins.
func TestAWatchEndsAfterNotServing(t *testing.T) {
	for range 50 {
		h := grpcserver.NewHealth()
		s, _, client := serve(t, h)
		watch, err := client.Watch(t.Context(), &healthpb.HealthCheckRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if r, err := watch.Recv(); err != nil ||
			r.GetStatus() != healthpb.HealthCheckResponse_SERVING {
			t.Fatalf("have %v, %v, want SERVING", r, err)
		}
		h.Shutdown()
		if err := s.Drain(time.Minute); err != nil {
			t.Error(err)
		}
		if r, err := watch.Recv(); err != nil ||
			r.GetStatus() != healthpb.HealthCheckResponse_NOT_SERVING {
			t.Fatalf("have %v, %v, want NOT_SERVING", r, err)
		}
		if _, err := watch.Recv(); status.Code(err) != codes.Unavailable {
			t.Fatalf("have %v, want Unavailable", err)
		}
	}
}

// Each age of connections is possible: the shortest does not end the server, and the longest does
// not close connections.
func TestAgesOfConnections(t *testing.T) {
	testkit.Slow(t)
	for _, age := range []time.Duration{1, math.MaxInt64 - 1} {
		for range 20 { // gRPC changes the age at random
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			s := grpcserver.New(grpcserver.Config{MaxAge: age, AgeGrace: time.Minute})
			served := make(chan error, 1)
			go func() { served <- s.Serve(l) }()
			c, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			hello := "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"
			if _, err := c.Write([]byte(hello)); err != nil {
				t.Fatal(err)
			}
			if age > time.Hour && hasFrame(t, c, 7, 100*time.Millisecond) {
				t.Errorf("have GOAWAY within 100ms with an age of %v", age)
			} else if age == 1 && !hasFrame(t, c, 7, time.Minute) {
				t.Error("have no GOAWAY with an age of 1ns")
			}
			c.Close()
			s.Kill()
			if err := <-served; err != nil {
				t.Error(err)
			}
		}
	}
}

// hasFrame reports whether an HTTP/2 frame of this type is received within a time.
func hasFrame(t *testing.T, c net.Conn, frameType byte, within time.Duration) bool {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(within)); err != nil {
		t.Fatal(err)
	}
	for {
		var header [9]byte
		if _, err := io.ReadFull(c, header[:]); err != nil {
			return false
		}
		if header[3] == frameType {
			return true
		}
		n := int64(header[0])<<16 | int64(header[1])<<8 | int64(header[2])
		if _, err := io.CopyN(io.Discard, c, n); err != nil {
			return false
		}
	}
}

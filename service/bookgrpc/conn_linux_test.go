package bookgrpc

import (
	"context"
	"net"
	"syscall"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
)

// The kernel detects a lost connection: within 3 s if data is not acknowledged, and within 13 s if
// the connection is idle. A test cannot lose packets, so this one reads the socket's settings.
func TestLostConnectionIsDetected(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	go server.Serve(listener)
	defer server.Stop()

	dialed := make(chan net.Conn, 1)
	record := func(ctx context.Context, addr string) (net.Conn, error) {
		conn, err := dialTCP(ctx, addr)
		if err == nil {
			dialed <- conn
		}
		return conn, err
	}
	conn, err := Dial(listener.Addr().String(), grpc.WithContextDialer(record))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for state := conn.GetState(); state != connectivity.Ready; state = conn.GetState() {
		conn.WaitForStateChange(t.Context(), state)
	}

	raw, err := (<-dialed).(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	const userTimeout = 18 // TCP_USER_TIMEOUT of tcp(7), in ms
	options := []struct {
		name                string
		level, option, want int
	}{
		{"SO_KEEPALIVE", syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1},
		{"TCP_KEEPIDLE", syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE, 10},
		{"TCP_KEEPINTVL", syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL, 1},
		{"TCP_KEEPCNT", syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT, 3},
		{"TCP_USER_TIMEOUT", syscall.IPPROTO_TCP, userTimeout, 3000},
	}
	errControl := raw.Control(func(fd uintptr) {
		for _, o := range options {
			have, err := syscall.GetsockoptInt(int(fd), o.level, o.option)
			if err != nil || have != o.want {
				t.Errorf("%s: have %d, %v, want %d", o.name, have, err, o.want)
			}
		}
	})
	if errControl != nil {
		t.Fatal(errControl)
	}
}

// A proxy that the environment names for an address stays gRPC's. Loopback has none.
func TestProxyIsLeftToGRPC(t *testing.T) {
	if hasProxy("127.0.0.1:50051") {
		t.Error("have a proxy for a loopback address")
	}
}

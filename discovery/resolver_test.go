package discovery_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/peer"

	"bookservice/discovery"
	"bookservice/discovery/internal/testkit"
)

// serve starts a gRPC server and returns its address.
func serve(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	healthpb.RegisterHealthServer(s, health.NewServer())
	go func() { _ = s.Serve(l) }()
	t.Cleanup(s.Stop)
	return l.Addr().String()
}

// dial returns a connection to a service and a function that makes a call on it, which returns the
// address of the server.
func dial(
	t *testing.T, r discovery.Registry, service string,
) func(context.Context) (string, error) {
	t.Helper()
	conn, err := grpc.NewClient("discovery:///"+service,
		grpc.WithResolvers(discovery.NewResolver(r)),
		grpc.WithDefaultServiceConfig(`{"loadBalancingConfig": [{"round_robin": {}}]}`),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return func(ctx context.Context) (string, error) {
		var p peer.Peer
		_, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{},
			grpc.Peer(&p), grpc.WaitForReady(true))
		if err != nil {
			return "", err
		}
		return p.Addr.String(), nil
	}
}

// reaches waits until calls reach exactly these servers.
func reaches(t *testing.T, call func(context.Context) (string, error), want ...string) {
	t.Helper()
	testkit.Eventually(t, "calls reach "+strings.Join(want, " and "), func() bool {
		have := map[string]bool{}
		for range 2 * len(want) {
			addr, err := call(testkit.Context(t, limit))
			if err != nil {
				t.Fatal(err)
			}
			have[addr] = true
		}
		for _, addr := range want {
			if !have[addr] {
				return false
			}
		}
		return len(have) == len(want)
	})
}

func TestResolverFollowsInstances(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	e := startEtcd(t, 1)
	servers, clients := e.open(t), open(t, shortTimeout(e.Endpoints()...))
	a, b := serve(t), serve(t)
	call := dial(t, clients, "books")
	first := servers.Registrar("books", a)
	if err := first.Register(testkit.Context(t, limit)); err != nil {
		t.Fatal(err)
	}
	reaches(t, call, a)
	if err := servers.Registrar("books", b).Register(testkit.Context(t, limit)); err != nil {
		t.Fatal(err)
	}
	reaches(t, call, a, b)
	deregister(t, first)
	reaches(t, call, b)

	// The list stays during an outage.
	e.Stop()
	testkit.Eventually(t, "the outage is noticed", func() bool {
		return clients.Status().Services[0].Err != nil
	})
	reaches(t, call, b)
}

func TestResolverReportsErrors(t *testing.T) {
	t.Parallel()
	testkit.Slow(t)
	c := shortTimeout(testkit.ClosedAddr(t))
	c.Timeout = 100 * time.Millisecond
	r := open(t, c)
	if _, err := dial(t, r, "books")(testkit.Context(t, time.Second)); err == nil ||
		!strings.Contains(err.Error(), "did not answer") {
		t.Errorf("etcd is down: have %v, want its error", err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	for _, service := range []string{"books", "a/b"} {
		if _, err := dial(t, r, service)(testkit.Context(t, time.Second)); err == nil {
			t.Errorf("%s: have no error of a closed registry, want one", service)
		}
	}
	if have := len(r.Status().Services); have > 1 {
		t.Errorf("have %d instancers, want that of the open connection at most", have)
	}
}

func TestResolverWorksWithEveryKind(t *testing.T) {
	t.Parallel()
	a, b := serve(t), serve(t)
	r := open(t, discovery.Config{Kind: "static", Instances: []string{a, b}})
	reaches(t, dial(t, r, ""), a, b)
}

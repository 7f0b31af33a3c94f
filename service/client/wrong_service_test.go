package client_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"bookservice/service"
	"bookservice/service/client"
	"bookservice/service/inmem"
	"bookservice/tracer/tracertest/testkit"
)

// otherService returns the address of a gRPC server without the book service, and a counter of its
// calls.
func otherService(t *testing.T) (addr string, calls *atomic.Int64) {
	t.Helper()
	calls = &atomic.Int64{}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	// gRPC's own answer for an unknown service, which a server without handler sends, too.
	unknown := func(_ any, stream grpc.ServerStream) error {
		calls.Add(1)
		name, _ := grpc.MethodFromServerStream(stream)
		return status.Error(codes.Unimplemented, "unknown service "+name)
	}
	server := grpc.NewServer(grpc.UnknownServiceHandler(unknown))
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return listener.Addr().String(), calls
}

// webServer returns the address of an HTTP/2 server that answers each request with this status.
func webServer(t *testing.T, code int) string {
	t.Helper()
	return testkit.ServeHTTP2(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		fmt.Fprint(w, "no gRPC here")
	}))
}

// failedOf makes n calls of eight goroutines, and returns the number of failed ones and an error.
func failedOf(t *testing.T, c *client.Client, n int) (failed int64, example error) {
	t.Helper()
	var count atomic.Int64
	var latest atomic.Value
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range n / 8 {
				if _, err := c.BookInfo(t.Context(), 1); err != nil {
					count.Add(1)
					latest.Store(err)
				}
			}
		})
	}
	wg.Wait()
	example, _ = latest.Load().(error)
	return count.Load(), example
}

// One of three addresses is that of another gRPC service. No call fails, from the first one on, and
// the other service gets few calls.
func TestAddressOfAnotherServiceCostsNoCall(t *testing.T) {
	for _, name := range balancers() {
		t.Run(name, func(t *testing.T) {
			wrong, tests := otherService(t)
			var log testkit.Buffer
			cfg := client.DefaultConfig()
			cfg.Balancer, cfg.RetryBudget = name, 0
			c := dialWith(t, &directory{instances: []string{wrong,
				start(t, inmem.Default(), nil).addr, start(t, inmem.Default(), nil).addr}},
				nil, cfg, client.WithLogger(newLogger(&log)))
			if failed, err := failedOf(t, c, 4000); failed > 0 {
				t.Errorf("%d of 4000 calls failed, as %v", failed, err)
			}
			// At once the calls that were active, later one a second.
			if have := tests.Load(); have == 0 || have > 100 {
				t.Errorf("have %d of 4000 calls at the other service, want 1 to 100", have)
			}
			want := "instance does not serve the method and is set aside\" instance=" + wrong
			if have := strings.Count(log.String(), want); have != 1 {
				t.Errorf("have %d lines %q, want 1; the log is\n%s", have, want, log.String())
			}
		})
	}
}

// One of three addresses is that of an HTTP server, which proves that it has executed no method.
func TestAddressWithoutGRPCCostsNoCall(t *testing.T) {
	for _, code := range []int{200, 302, 400, 401, 403, 404, 405, 415} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			cfg := client.DefaultConfig()
			cfg.Balancer, cfg.RetryBudget = "round_robin", 0
			c := dial(t, cfg, start(t, inmem.Default(), nil).addr, webServer(t, code),
				start(t, inmem.Default(), nil).addr)
			if failed, err := failedOf(t, c, 400); failed > 0 {
				t.Errorf("%d of 400 calls failed, as %v", failed, err)
			}
		})
	}
}

// Beside 200 addresses of another service, three good instances answer each call.
func TestManyAddressesOfAnotherServiceCostNoCall(t *testing.T) {
	for _, name := range []string{"p2c", "round_robin"} {
		t.Run(name, func(t *testing.T) {
			instances := []string{start(t, inmem.Default(), nil).addr,
				start(t, inmem.Default(), nil).addr, start(t, inmem.Default(), nil).addr}
			wrong, calls := otherService(t)
			for i := range 200 {
				instances = append(instances, fmt.Sprintf("10.0.0.%d:1", i+1))
			}
			cfg := client.DefaultConfig()
			cfg.Balancer = name
			dialer := func(ctx context.Context, addr string) (net.Conn, error) {
				if strings.HasPrefix(addr, "10.0.0.") {
					addr = wrong
				}
				var d net.Dialer
				return d.DialContext(ctx, "tcp", addr)
			}
			c := dialWith(t, &directory{instances: instances}, nil, cfg,
				client.WithDialOptions(grpc.WithContextDialer(dialer)))
			if failed, err := failedOf(t, c, 4000); failed > 0 {
				t.Errorf("%d of 4000 calls failed, as %v", failed, err)
			}
			// Each of the eight calls that are active at a time can try an address once.
			if have := calls.Load(); have > 8*200+100 {
				t.Errorf("have %d attempts at 200 addresses of the other service, want less", have)
			}
		})
	}
}

// If no instance serves the method, a call fails with Unimplemented after one attempt at each
// instance; later calls make one attempt. The breaker does not open.
func TestUnimplementedEverywhereFailsAfterOnePass(t *testing.T) {
	var addrs []string
	var counts []*atomic.Int64
	for range 5 {
		addr, calls := otherService(t)
		addrs, counts = append(addrs, addr), append(counts, calls)
	}
	c := dial(t, client.DefaultConfig(), addrs...)
	connected(t, c, 5)
	if _, err := c.BookInfo(t.Context(), 1); status.Code(err) != codes.Unimplemented {
		t.Fatalf("have %v, want Unimplemented", err)
	}
	total := int64(0)
	for i, calls := range counts {
		if have := calls.Load(); have != 1 {
			t.Errorf("have %d attempts at instance %d, want 1", have, i)
		}
		total += calls.Load()
	}
	for range 20 {
		if _, err := c.BookInfo(t.Context(), 1); status.Code(err) != codes.Unimplemented {
			t.Fatalf("have %v, want Unimplemented", err)
		}
	}
	have := -total
	for _, calls := range counts {
		have += calls.Load()
	}
	if have != 20 {
		t.Errorf("have %d attempts of 20 later calls, want 20", have)
	}
}

// What the service itself refuses is the same everywhere: it is not retried, whatever its message.
func TestRefusalOfTheServiceIsNotRetried(t *testing.T) {
	for _, code := range []codes.Code{codes.PermissionDenied, codes.Unauthenticated} {
		refusal := status.Error(code, "unexpected HTTP status code received from server: 403 (no)")
		servers := []*server{start(t, fails(refusal), nil), start(t, fails(refusal), nil)}
		c := dial(t, quick(nil), servers[0].addr, servers[1].addr)
		for range 5 {
			if _, err := c.BookInfo(t.Context(), 1); status.Code(err) != code {
				t.Errorf("have %v, want %v", err, code)
			}
		}
		if have := servers[0].calls.Load() + servers[1].calls.Load(); have != 5 {
			t.Errorf("%v: have %d attempts of 5 calls, want 5", code, have)
		}
	}
}

// oldServer serves one of the two methods.
type oldServer struct{ service.Service }

func (oldServer) BookList(context.Context, int32, int32) ([]service.Book, error) {
	return nil, status.Error(codes.Unimplemented, "unknown method")
}

// An instance without one of the methods, as in a rolling update, keeps the calls of the others.
func TestInstanceWithoutAMethodServesTheOthers(t *testing.T) {
	cfg := client.DefaultConfig()
	cfg.Balancer, cfg.RetryBudget = "round_robin", 0
	old := start(t, oldServer{inmem.Default()}, nil)
	c := dial(t, cfg, old.addr, start(t, inmem.Default(), nil).addr)
	connected(t, c, 2)
	if failed := calls(t, c, 2); failed > 0 { // one at each
		t.Fatalf("%d of 2 calls failed", failed)
	}
	for range 100 {
		if _, err := c.BookInfo(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		if _, err := c.BookList(t.Context(), 0, 1); err != nil {
			t.Fatal(err)
		}
	}
	if have := old.calls.Load(); have < 40 {
		t.Errorf("have %d calls at the old instance, want those of BookInfo: about 50", have)
	}
}

// An address that gets the service while its connection lasts gets calls again.
func TestInstanceThatServesLaterIsUsed(t *testing.T) {
	testkit.Slow(t)
	var ready atomic.Bool
	late := start(t, answer(func(context.Context) error {
		if !ready.Load() {
			return status.Error(codes.Unimplemented, "unknown service")
		}
		return nil
	}), nil)
	good := start(t, inmem.Default(), nil)
	c := dial(t, quick(roundRobin), late.addr, good.addr)
	connected(t, c, 2)
	if failed := calls(t, c, 10); failed > 0 {
		t.Errorf("%d of 10 calls failed", failed)
	}
	ready.Store(true)
	testkit.Eventually(t, "the instance gets half of the calls", func() bool {
		before := late.calls.Load()
		return calls(t, c, 20) == 0 && late.calls.Load()-before == 10
	})
}

package client_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"bookservice/service"
	"bookservice/service/client"
	"bookservice/service/inmem"
	"bookservice/tracer/tracertest/testkit"
)

// balancers are the names of all balancers.
func balancers() []string { return []string{"p2c", "round_robin", "random", "weighted"} }

// oneAttempt is quick with one attempt a call and this balancer.
func oneAttempt(balancer string) client.Config {
	return quick(func(cfg *client.Config) { cfg.RetryAttempts, cfg.Balancer = 1, balancer })
}

// calls makes n calls and returns the number of those that fail.
func calls(t *testing.T, c *client.Client, n int) (failed int) {
	t.Helper()
	for range n {
		if _, err := c.BookInfo(t.Context(), 1); err != nil {
			failed++
		}
	}
	return failed
}

// One good instance and three dead ones: no call fails, from the first one on and without retries,
// and no attempt is made at a dead one.
func TestDeadServersAreNotUsed(t *testing.T) {
	for _, name := range balancers() {
		t.Run(name, func(t *testing.T) {
			good := start(t, inmem.Default(), nil)
			c := dial(t, oneAttempt(name), testkit.ClosedAddr(t), good.addr, testkit.ClosedAddr(t),
				testkit.ClosedAddr(t))
			ctx := client.WithObserver(t.Context(), func(a client.Attempt) {
				if a.Instance != good.addr {
					t.Errorf("have an attempt at %s: %v", a.Instance, a.Err)
				}
			})
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					for range 75 {
						if _, err := c.BookInfo(ctx, 1); err != nil {
							t.Error(err)
						}
					}
				})
			}
			wg.Wait()
			if have := good.calls.Load(); have != 300 {
				t.Errorf("have %d calls at the good instance, want 300", have)
			}
		})
	}
}

// If all instances are dead, calls fail at once with the reason.
func TestAllServersAreDead(t *testing.T) {
	a, b := testkit.ClosedAddr(t), testkit.ClosedAddr(t)
	c := dial(t, oneAttempt("p2c"), a, b)
	for range 3 {
		_, err := c.BookInfo(t.Context(), 1)
		if status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), "refused") {
			t.Errorf("have %v, want Unavailable and that the connection is refused", err)
		}
	}
}

// The calls of an instance that dies are distributed evenly to the others. It gets calls again when
// it is back.
func TestDeadServerHasNoNeighbour(t *testing.T) {
	servers, addrs := make([]*server, 4), make([]string, 4)
	for i := range servers {
		servers[i] = start(t, inmem.Default(), nil)
		addrs[i] = servers[i].addr
	}
	c := dial(t, quick(roundRobin), addrs...)
	connected(t, c, 4)
	servers[1].stop()
	connected(t, c, 3)
	if failed := calls(t, c, 300); failed > 0 {
		t.Errorf("%d calls failed", failed)
	}
	for _, i := range []int{0, 2, 3} {
		if have := servers[i].calls.Load(); have != 100 {
			t.Errorf("have %d of 300 calls at server %d, want 100", have, i)
		}
	}
	again := startAt(t, addrs[1], inmem.Default(), nil)
	connected(t, c, 4)
	if calls(t, c, 100); again.calls.Load() != 25 {
		t.Errorf("have %d of 100 calls at the server that is back, want 25", again.calls.Load())
	}
}

// Of three servers one delays its calls by up to 400 ms. At 200 calls/s it gets about one call a
// second, unless the machine is busy.
func TestSlowServerIsAvoided(t *testing.T) {
	testkit.Slow(t)
	fast := []*server{start(t, inmem.Default(), nil), start(t, inmem.Default(), nil)}
	slow := start(t, service.WithLatency(inmem.Default(), 0, 400*time.Millisecond), nil)
	c := dial(t, client.DefaultConfig(), fast[0].addr, slow.addr, fast[1].addr)
	connected(t, c, 3)
	begin := time.Now()
	const n = 500
	var wg sync.WaitGroup
	for tick := time.Tick(5 * time.Millisecond); int(slow.calls.Load()) <= n &&
		fast[0].calls.Load()+fast[1].calls.Load() < n; {
		<-tick
		wg.Go(func() {
			if _, err := c.BookInfo(t.Context(), 1); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	// One a second, those before the first one has ended, and some while the others are slowed down
	// by other processes. A third would be its share.
	if have := slow.calls.Load(); have > n/20 {
		t.Errorf("have %d of %d calls at the slow server, want at most %d", have, n, n/20)
	}
	t.Logf("%d, %d and %d calls in %v", fast[0].calls.Load(), slow.calls.Load(),
		fast[1].calls.Load(), time.Since(begin))
}

// Weights whose sum is no float64 are numbers like others: calls stay in the client's zone.
func TestHugeWeights(t *testing.T) {
	a, b := start(t, inmem.Default(), nil), start(t, inmem.Default(), nil)
	zones := map[string]string{a.addr: "x", b.addr: "y"}
	cfg := oneAttempt("weighted")
	cfg.Zone = "x"
	c := dialWith(t, &directory{instances: []string{a.addr, b.addr}}, nil, cfg,
		client.WithMetadata(func(addr string) map[string]string {
			return map[string]string{"zone": zones[addr], "weight": "1.7e308"}
		}))
	connected(t, c, 2)
	if failed := calls(t, c, 100); failed > 0 || a.calls.Load() != 100 {
		t.Errorf("have %d calls in the zone, and %d failed, want 100 and 0", a.calls.Load(), failed)
	}
}

// The weights and zones of instances are read by WithMetadata: when an instance is new, and again
// in each interval.
func TestMetadata(t *testing.T) {
	a, b := start(t, inmem.Default(), nil), start(t, inmem.Default(), nil)
	var text atomic.Value // of the metadata of b
	metadata := client.WithMetadata(func(addr string) map[string]string {
		if addr == a.addr {
			return map[string]string{"zone": "x", "weight": "3"}
		}
		return text.Load().(map[string]string)
	})
	count := func(c *client.Client) (int64, int64) {
		before := [2]int64{a.calls.Load(), b.calls.Load()}
		if failed := calls(t, c, 400); failed > 0 {
			t.Errorf("%d calls failed", failed)
		}
		return a.calls.Load() - before[0], b.calls.Load() - before[1]
	}
	d := &directory{instances: []string{a.addr, b.addr}}
	for _, tt := range []struct {
		weight string
		want   int64
	}{
		{"1", 100}, {"6", 267}, {"0.5", 57}, {"0", 0}, {"heavy", 100}, {"-1", 100}, {"", 100},
	} {
		text.Store(map[string]string{"weight": tt.weight})
		c := dialWith(t, d, nil, oneAttempt("weighted"), metadata)
		connected(t, c, 2)
		if _, have := count(c); max(have-tt.want, tt.want-have) > 3 {
			t.Errorf("weights 3 and %q: have %d of 400 calls, want %d", tt.weight, have, tt.want)
		}
	}

	text.Store(map[string]string{"zone": "y"})
	cfg := oneAttempt("p2c")
	cfg.Zone, cfg.EjectInterval = "x", 100*time.Millisecond
	c := dialWith(t, d, nil, cfg, metadata)
	connected(t, c, 2)
	if inA, inB := count(c); inA != 400 || inB != 0 {
		t.Errorf("have %d calls in the zone and %d in another, want 400 and 0", inA, inB)
	}
	text.Store(map[string]string{"zone": "x"})
	testkit.Eventually(t, "the new zone of b is known", func() bool {
		return c.Stats().Instances[0].Zone == c.Stats().Instances[1].Zone
	})
	if _, inB := count(c); inB == 0 {
		t.Error("have no call at the server that has come to the zone")
	}
	text.Store(map[string]string{"zone": "y"})
	testkit.Eventually(t, "the zone of b is known", func() bool {
		return c.Stats().Instances[0].Zone != c.Stats().Instances[1].Zone
	})
	a.stop()
	connected(t, c, 1)
	if _, inB := count(c); inB != 400 {
		t.Errorf("have %d of 400 calls in the other zone, want all: the own one is down", inB)
	}
}

// While no instance is up and one is connecting, calls wait, with their own deadline.
func TestCallsWaitForAConnection(t *testing.T) {
	s, entered, leave := slowToConnect(t)
	c := dialWith(t, &directory{instances: []string{s.addr, testkit.ClosedAddr(t)}}, nil,
		oneAttempt("p2c"), leave.option)
	receive(t, entered, "the client connects")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := c.BookInfo(ctx, 1)
	if status.Code(err) != codes.DeadlineExceeded || !errors.Is(err, context.DeadlineExceeded) ||
		!strings.Contains(err.Error(), "no instance is connected") {
		t.Errorf("have %v, want DeadlineExceeded since no instance is connected", err)
	}
	ended := make(chan error, 3)
	for range 3 {
		go func() {
			_, err := c.BookInfo(t.Context(), 1)
			ended <- err
		}()
	}
	close(leave.ch)
	for range 3 {
		if err := receive(t, ended, "a call ends"); err != nil {
			t.Error(err)
		}
	}
}

// A call that waits for a connection ends with Close.
func TestCloseEndsWaiting(t *testing.T) {
	s, entered, leave := slowToConnect(t)
	c := dialWith(t, &directory{instances: []string{s.addr}}, nil, quick(nil), leave.option)
	receive(t, entered, "the client connects")
	ended := make(chan error, 1)
	go func() {
		_, err := c.BookInfo(t.Context(), 1)
		ended <- err
	}()
	close(leave.ch)
	closed := make(chan error, 1)
	go func() { closed <- c.Close() }()
	if err := receive(t, ended, "the call ends"); err != nil && !errors.Is(err, client.ErrClosed) {
		t.Errorf("have %v, want success or %v", err, client.ErrClosed)
	}
	if err := receive(t, closed, "Close returns"); err != nil {
		t.Error(err)
	}
}

// A server that closes each connection soon after it was made is not connected to in a loop.
func TestReconnectsArePaced(t *testing.T) {
	testkit.Slow(t)
	s := shortLived(t)
	c := dial(t, quick(nil), s.addr)
	testkit.Eventually(t, "the server is connected to again", func() bool {
		return s.accepted.Load() >= 3
	})
	from, begin := s.accepted.Load(), time.Now()
	<-time.After(time.Second)
	have, most := s.accepted.Load()-from, int64(2+time.Since(begin)/(200*time.Millisecond))
	if have > most {
		t.Errorf("have %d connections in %v, want at most %d", have, time.Since(begin), most)
	}
	c.Close()
}

// Statistics show each instance.
func TestStats(t *testing.T) {
	good, failing := start(t, inmem.Default(), nil), start(t, fails(errors.New("on fire")), nil)
	dead := testkit.ClosedAddr(t)
	c := dial(t, oneAttempt("round_robin"), good.addr, failing.addr, dead)
	connected(t, c, 2)
	testkit.Eventually(t, "the dead instance is down", func() bool {
		for _, in := range c.Stats().Instances {
			if in.State == "down" {
				return true
			}
		}
		return false
	})
	calls(t, c, 4)
	if _, err := c.BookInfo(t.Context(), 99); !errors.Is(err, service.ErrNotFound) {
		calls(t, c, 1) // the failing one had its turn
	}
	want := map[string]string{
		good.addr:    "up false 0 3 0 1",
		failing.addr: fmt.Sprintf("up false 0 0 %d 1", failing.calls.Load()),
		dead:         "down false 0 0 0 1",
	}
	if good.calls.Load() != 3 {
		want[good.addr] = fmt.Sprintf("up false 0 %d 0 1", good.calls.Load())
	}
	for _, in := range c.Stats().Instances {
		have := fmt.Sprintf("%s %v %d %d %d %v",
			in.State, in.Ejected, in.InFlight, in.Successes, in.Failures, in.Weight)
		if have != want[in.Address] || (in.Latency > 0) != (in.State == "up") {
			t.Errorf("%s: have %s with a latency of %v, want %s", in.Address, have, in.Latency,
				want[in.Address])
		}
	}
}

// An instance whose connection is lost, and which does not respond to a new one, is not used.
func TestLostConnectionIsNotUsed(t *testing.T) {
	a, b := start(t, inmem.Default(), nil), start(t, inmem.Default(), nil)
	var lost atomic.Bool
	leave := make(chan struct{})
	dialer := func(ctx context.Context, addr string) (net.Conn, error) {
		if addr == a.addr && lost.Load() {
			<-leave // the attempt neither succeeds nor fails
		}
		var d net.Dialer
		return d.DialContext(ctx, "tcp", addr)
	}
	c := dialWith(t, &directory{instances: []string{a.addr, b.addr}}, nil, oneAttempt("p2c"),
		client.WithDialOptions(grpc.WithContextDialer(dialer)))
	t.Cleanup(func() { close(leave) })
	connected(t, c, 2)
	lost.Store(true)
	a.stop()
	connected(t, c, 1)
	if failed := calls(t, c, 50); failed > 0 || b.calls.Load() != 50 {
		t.Errorf("%d calls failed, and %d of 50 were at the other instance, want 0 and 50",
			failed, b.calls.Load())
	}
	if have := up(c); have != 1 {
		t.Errorf("have %d instances up after the calls, want 1", have)
	}
}

//go:build unix

package e2e_test

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-kit/kit/sd"
	"github.com/opentracing/opentracing-go"

	"bookservice/service/client"
	"bookservice/tracer/tracertest/testkit"
)

// A load makes calls at a constant rate, whether the calls before have ended or not.
type load struct {
	client *client.Client

	mu     sync.Mutex
	took   []time.Duration
	failed []error
}

const callsPerSecond = 200

// run makes calls for d, calls at at after each of its times, and returns the 99th percentile.
func (l *load) run(t *testing.T, d time.Duration, at map[time.Duration]func()) time.Duration {
	t.Helper()
	l.took = nil
	var calls sync.WaitGroup
	start := time.Now()
	tick := time.NewTicker(time.Second / callsPerSecond)
	defer tick.Stop()
	for time.Since(start) < d {
		<-tick.C
		for after, do := range at {
			if time.Since(start) >= after {
				do()
				delete(at, after)
			}
		}
		calls.Go(func() {
			begin := time.Now()
			_, err := l.client.BookInfo(context.Background(), 1)
			l.mu.Lock()
			defer l.mu.Unlock()
			l.took = append(l.took, time.Since(begin))
			if err != nil {
				l.failed = append(l.failed, err)
			}
		})
	}
	calls.Wait()
	slices.Sort(l.took)
	return l.took[len(l.took)*99/100]
}

// openLoad starts servers and a client that knows them all the time.
func openLoad(t *testing.T, servers int, cfg client.Config) (*load, []*process) {
	t.Helper()
	var processes []*process
	var addrs sd.FixedInstancer
	for range servers {
		p, addr := serve(t, "-discovery", "static", "-instances", "127.0.0.1:1")
		processes, addrs = append(processes, p), append(addrs, addr)
	}
	c, err := client.New(addrs, opentracing.NoopTracer{}, cfg,
		client.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &load{client: c}, processes
}

func (l *load) check(t *testing.T) {
	t.Helper()
	if n := len(l.failed); n > 0 {
		t.Errorf("have %d failed calls, want none; the first: %v", n, l.failed[0])
	}
}

// One of three servers that hangs for good costs no call, although discovery lists it on. The 99th
// percentile is at most three times that without the fault, or 100 ms on a busy machine.
func TestOneHangingServerOfThreeCostsNoCall(t *testing.T) {
	testkit.Slow(t)
	for _, hedge := range []string{"0", "p95"} {
		t.Run("hedge "+hedge, func(t *testing.T) {
			cfg := client.DefaultConfig()
			cfg.Hedge = hedge
			l, servers := openLoad(t, 3, cfg)
			healthy := l.run(t, 4*time.Second, nil)
			hanging := l.run(t, 10*time.Second, map[time.Duration]func(){
				0: func() { servers[0].signal(t, syscall.SIGSTOP) },
			})
			t.Logf("p99 %v, without the fault %v, slowest %v",
				hanging, healthy, l.took[len(l.took)-1])
			if hanging > max(3*healthy, 100*time.Millisecond) {
				t.Errorf("p99: have %v, want at most 3 × %v", hanging, healthy)
			}
			l.check(t)
		})
	}
}

// One of two servers that hangs for 5 s costs no call.
func TestServerThatHangsForAWhileCostsNoCall(t *testing.T) {
	testkit.Slow(t)
	l, servers := openLoad(t, 2, client.DefaultConfig())
	healthy := l.run(t, 4*time.Second, nil)
	hanging := l.run(t, 9*time.Second, map[time.Duration]func(){
		time.Second:     func() { servers[0].signal(t, syscall.SIGSTOP) },
		6 * time.Second: func() { servers[0].signal(t, syscall.SIGCONT) },
	})
	t.Logf("p99 %v, without the fault %v, slowest %v", hanging, healthy, l.took[len(l.took)-1])
	l.check(t)
}

package client_test

import (
	"context"
	"errors"
	"regexp"
	"sync/atomic"
	"testing"
	"time"

	"github.com/opentracing/opentracing-go/mocktracer"

	"bookservice/service/client"
	"bookservice/service/client/internal/balance"
	"bookservice/service/inmem"
	"bookservice/tracer/tracertest/testkit"
)

// failsHalf returns ten servers, of which the fourth fails every second call while broken is true.
func failsHalf(t *testing.T, broken *atomic.Bool) (servers []*server, addrs []string) {
	t.Helper()
	var n atomic.Int64
	for i := range 10 {
		s := start(t, answer(func(context.Context) error {
			if i == 3 && broken.Load() && n.Add(1)%2 == 0 {
				return errors.New("on fire")
			}
			return nil
		}), nil)
		servers, addrs = append(servers, s), append(addrs, s.addr)
	}
	return servers, addrs
}

// fewCalls makes 20 calls in an interval of 500 ms enough to judge an instance.
func fewCalls(c *balance.Ejection) { c.SuccessVolume, c.FailureVolume = 20, 20 }

// One of ten instances fails half of its calls. It is ejected, which is logged, counted and seen on
// the spans of attempts at others. From then on no call fails, without retries.
func TestFailingServerIsEjected(t *testing.T) {
	testkit.Slow(t)
	for _, name := range balancers() {
		t.Run(name, func(t *testing.T) {
			var broken atomic.Bool
			broken.Store(true)
			var log testkit.Buffer
			servers, addrs := failsHalf(t, &broken)
			cfg := oneAttempt(name)
			cfg.BreakerMinRequests = 1e6
			cfg.EjectInterval, cfg.EjectTime = 500*time.Millisecond, time.Hour
			tracer := mocktracer.New()
			few := client.WithEjection(fewCalls)
			if name == "p2c" { // it gets few calls only after its first failure
				few = client.WithEjection(func(c *balance.Ejection) { c.SuccessVolume = 1 })
			}
			c := dialWith(t, &directory{instances: addrs}, tracer, cfg, few,
				client.WithLogger(newLogger(&log)))
			connected(t, c, 10)
			testkit.Eventually(t, "the instance is ejected", func() bool {
				calls(t, c, 50)
				for _, in := range c.Stats().Instances {
					if in.Address == addrs[3] && in.Ejected {
						return true
					}
				}
				return false
			})
			tracer.Reset()
			before := servers[3].calls.Load()
			if failed := calls(t, c, 500); failed > 0 {
				t.Errorf("%d of 500 calls failed after the ejection", failed)
			}
			if have := servers[3].calls.Load() - before; have > 0 {
				t.Errorf("have %d calls at the ejected instance", have)
			}
			for _, span := range tracer.FinishedSpans() {
				tag := span.Tag("balancer.ejected")
				if have, ok := tag.(int); !ok || have < 1 {
					t.Errorf("have the tag balancer.ejected %v, want 1", tag)
					break
				}
			}
			want := regexp.MustCompile(`level=WARN msg="instance ejected" instance=` +
				regexp.QuoteMeta(addrs[3]) +
				` for=1h0m0s reason="[0-9.]+% of \d+ calls successful: `)
			if have := c.Stats().Ejections; have < 1 || !want.MatchString(log.String()) {
				t.Errorf("have %d ejections and the log\n%s\nwant %s", have, log.String(), want)
			}
		})
	}
}

// An ejected instance comes back, which is logged and counted.
func TestEjectedServerComesBack(t *testing.T) {
	var broken atomic.Bool
	broken.Store(true)
	var log testkit.Buffer
	servers, addrs := failsHalf(t, &broken)
	cfg := oneAttempt("round_robin")
	cfg.BreakerMinRequests = 1e6
	cfg.EjectInterval, cfg.EjectTime = 200*time.Millisecond, 400*time.Millisecond
	tracer := mocktracer.New()
	c := dialWith(t, &directory{instances: addrs}, tracer, cfg, client.WithEjection(fewCalls),
		client.WithLogger(newLogger(&log)))
	connected(t, c, 10)
	testkit.Eventually(t, "the instance is ejected", func() bool {
		calls(t, c, 100)
		return c.Stats().Ejections > 0
	})
	broken.Store(false)
	testkit.Eventually(t, "the instance is back", func() bool { return c.Stats().Returns > 0 })
	tracer.Reset()
	before := servers[3].calls.Load()
	if failed := calls(t, c, 20); failed > 0 || servers[3].calls.Load() != before+2 {
		t.Errorf("%d calls failed, and %d of 20 are at the instance, want 0 and 2",
			failed, servers[3].calls.Load()-before)
	}
	for _, span := range tracer.FinishedSpans() {
		if have := span.Tag("balancer.ejected"); have != nil {
			t.Errorf("have the tag balancer.ejected %v, want none", have)
		}
	}
	want := regexp.MustCompile(`level=INFO msg="ejected instance is back" instance=` + addrs[3])
	if !want.MatchString(log.String()) {
		t.Errorf("have the log\n%s\nwant %s", log.String(), want)
	}
}

// Without -eject, and with too few instances, nothing is ejected.
func TestNothingIsEjected(t *testing.T) {
	testkit.Slow(t)
	fire := errors.New("on fire")
	var addrs []string
	for _, err := range []error{nil, nil, nil, nil, fire} {
		addrs = append(addrs, start(t, fails(err), nil).addr)
	}
	for _, n := range []int{4, 5} {
		cfg := oneAttempt("round_robin")
		cfg.BreakerMinRequests = 1e6
		cfg.Eject, cfg.EjectInterval = n == 4, 100*time.Millisecond
		c := dialWith(t, &directory{instances: addrs[len(addrs)-n:]}, nil, cfg,
			client.WithEjection(fewCalls))
		connected(t, c, n)
		for range 3 {
			calls(t, c, 100)
			<-time.After(150 * time.Millisecond)
		}
		if have := c.Stats(); have.Ejections > 0 {
			t.Errorf("have %+v, want no ejection", have)
		}
	}
}

// The calls that a caller cancels count neither as failures nor as successes.
func TestCancelledCallsAreNotCounted(t *testing.T) {
	c := dial(t, quick(nil), start(t, hang(), nil).addr, start(t, inmem.Default(), nil).addr)
	connected(t, c, 2)
	cancelled, before := 0, c.Stats()
	for range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(5*time.Millisecond, cancel)
		if _, err := c.BookInfo(ctx, 1); errors.Is(err, context.Canceled) {
			cancelled++
		}
		cancel()
	}
	successes, failures := uint64(0), uint64(0)
	for _, in := range c.Stats().Instances {
		successes += in.Successes
		failures += in.Failures
		if in.InFlight != 0 {
			t.Errorf("have %d calls in flight, want 0", in.InFlight)
		}
	}
	if cancelled == 0 || failures != 0 || successes != uint64(20-cancelled) {
		t.Errorf("have %d successes and %d failures after %d of 20 were cancelled (before: %+v)",
			successes, failures, cancelled, before)
	}
}

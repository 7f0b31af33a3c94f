package client_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/mocktracer"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"bookservice/service"
	"bookservice/service/client"
	"bookservice/service/inmem"
	"bookservice/tracer/tracertest/testkit"
)

// takes returns a service whose calls take d.
func takes(d time.Duration) service.Service {
	return answer(func(ctx context.Context) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}

// hangsIf returns a service whose calls hang while the flag is set.
func hangsIf(flag *atomic.Bool) service.Service {
	return answer(func(ctx context.Context) error {
		if flag.Load() {
			<-ctx.Done()
		}
		return ctx.Err()
	})
}

// A call whose attempt hangs is answered by another instance after the attempt's limit. The limit
// is configured, derived from the answers so far, or a share of the call's time.
func TestHangingAttemptIsReplaced(t *testing.T) {
	testkit.Slow(t)
	tests := []struct {
		name     string
		limit    time.Duration // -attempt-timeout
		deadline time.Duration
		answers  int // before the server hangs
		min, max time.Duration
	}{
		{"configured", 300 * time.Millisecond, 20 * time.Second, 0,
			300 * time.Millisecond, 5 * time.Second},
		{"first call", 0, 20 * time.Second, 0, time.Second, 6 * time.Second},
		{"derived from answers", 0, 20 * time.Second, 60,
			40 * time.Millisecond, 900 * time.Millisecond},
		{"share of the deadline", 10 * time.Second, 3 * time.Second, 0,
			time.Second, 2900 * time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var hangs atomic.Bool
			a := start(t, hangsIf(&hangs), nil)
			b := start(t, inmem.Default(), nil)
			c := dial(t, quick(func(cfg *client.Config) {
				cfg.AttemptTimeout, cfg.Balancer = tt.limit, "round_robin"
			}), a.addr, b.addr)
			connected(t, c, 2)
			for range tt.answers {
				if _, err := c.BookInfo(t.Context(), 1); err != nil {
					t.Fatal(err)
				}
			}
			hangs.Store(true)
			var slowest time.Duration
			for range 2 { // one of them is at a
				ctx, cancel := context.WithTimeout(t.Context(), tt.deadline)
				begin := time.Now()
				if _, err := c.BookInfo(ctx, 1); err != nil {
					t.Error(err)
				}
				slowest = max(slowest, time.Since(begin))
				cancel()
			}
			if slowest < tt.min || slowest > tt.max {
				t.Errorf("the call took %v, want %v to %v", slowest, tt.min, tt.max)
			}
		})
	}
}

// The limit that is derived from answers stays as it is while an instance hangs: a replaced attempt
// is no answer. Otherwise each limit would become several times the one before.
func TestReplacedAttemptsDoNotRaiseTheLimit(t *testing.T) {
	var hangs atomic.Bool
	a := start(t, hangsIf(&hangs), nil)
	b := start(t, inmem.Default(), nil)
	c := dial(t, quick(func(cfg *client.Config) {
		cfg.AttemptTimeout, cfg.Balancer, cfg.RetryBudget = 0, "round_robin", 100
	}), a.addr, b.addr)
	connected(t, c, 2)
	call := func() time.Duration {
		begin := time.Now()
		if _, err := c.BookInfo(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		return time.Since(begin)
	}
	for range 60 {
		call()
	}
	hangs.Store(true)
	for n := range 80 { // half of them are at a
		if took := call(); took > 1500*time.Millisecond {
			t.Fatalf("call %d took %v, want about 40 ms", n, took)
		}
	}
}

// An attempt that is merely slow is not replaced by one at an instance that hangs, which would be
// the call's last one.
func TestSlowAttemptIsNotReplacedByAHangingOne(t *testing.T) {
	testkit.Slow(t)
	var hangs, slow atomic.Bool
	a := start(t, hangsIf(&hangs), nil)
	b := start(t, answer(func(ctx context.Context) error {
		if slow.Load() {
			return takes(1500 * time.Millisecond).(answer)(ctx)
		}
		return nil
	}), nil)
	c := dial(t, quick(func(cfg *client.Config) {
		cfg.AttemptTimeout, cfg.RetryAttempts, cfg.RetryBudget = 300*time.Millisecond, 2, 100
	}), a.addr, b.addr)
	connected(t, c, 2)
	call := func() {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if _, err := c.BookInfo(ctx, 1); err != nil {
			t.Error(err)
		}
	}
	call()
	hangs.Store(true)
	for begin := time.Now(); time.Since(begin) < 4*time.Second; { // a is tried once a second
		call()
	}
	slow.Store(true)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(call)
	}
	wg.Wait()
}

// An attempt that is merely slow is replaced by one at an instance that has begun to hang. A
// further attempt beside the second one returns to the first instance, so the call is not lost.
func TestCallReturnsFromAHangingInstance(t *testing.T) {
	var faulty atomic.Bool
	var slow atomic.Int64 // attempts at b
	a := start(t, hangsIf(&faulty), nil)
	b := start(t, answer(func(ctx context.Context) error {
		if faulty.Load() && slow.Add(1) == 1 {
			<-ctx.Done()
		}
		return ctx.Err()
	}), nil)
	c := dial(t, quick(func(cfg *client.Config) {
		cfg.AttemptTimeout, cfg.Balancer = 300*time.Millisecond, "round_robin"
	}), a.addr, b.addr)
	connected(t, c, 2)
	have := callNextTo(t, c, a.addr, &faulty)
	if len(have) != 3 || have[0].Instance != b.addr || have[1].Instance != b.addr ||
		have[2].Instance != a.addr || have[1].Err != nil ||
		status.Code(have[0].Err) != codes.DeadlineExceeded ||
		status.Code(have[2].Err) != codes.DeadlineExceeded {
		t.Errorf("have %+v, want a replaced attempt at %s, an answer, and one without at %s",
			have, b.addr, a.addr)
	}
	if have := failures(c, a.addr); have != 1 {
		t.Errorf("have %d failures in the statistics of the instance that hangs, want 1", have)
	}
}

// callNextTo makes calls until one is at the instance, sets the flag, makes another one, which is
// at the other instance first, and returns its attempts.
func callNextTo(
	t *testing.T, c *client.Client, instance string, flag *atomic.Bool,
) (have []client.Attempt) {
	t.Helper()
	ctx := client.WithObserver(t.Context(), func(a client.Attempt) { have = append(have, a) })
	call := func() {
		have = nil
		if _, err := c.BookInfo(ctx, 1); err != nil {
			t.Fatal(err)
		}
	}
	for len(have) != 1 || have[0].Instance != instance {
		call()
	}
	flag.Store(true)
	call()
	return have
}

// The limit that is derived from answers rises if all servers become slower: the attempts that are
// not replaced are answers.
func TestLimitFollowsSlowerServers(t *testing.T) {
	var slow atomic.Bool
	svc := answer(func(ctx context.Context) error {
		if slow.Load() {
			return takes(200 * time.Millisecond).(answer)(ctx)
		}
		return nil
	})
	a, b := start(t, svc, nil), start(t, svc, nil)
	c := dial(t, quick(func(cfg *client.Config) { cfg.AttemptTimeout = 0 }), a.addr, b.addr)
	connected(t, c, 2)
	calls := func(n int) {
		var wg sync.WaitGroup
		for range n {
			wg.Go(func() {
				if _, err := c.BookInfo(t.Context(), 1); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
	for range 60 {
		calls(1)
	}
	slow.Store(true)
	calls(100)
	before := a.calls.Load() + b.calls.Load()
	calls(20)
	if have := a.calls.Load() + b.calls.Load() - before; have != 20 {
		t.Errorf("have %d attempts for 20 calls, want 20: none is replaced", have)
	}
}

// Servers that are slower than the limit of an attempt still answer each call: the last attempt,
// and one that the budget does not permit to replace, have the call's whole time.
func TestSlowServersAnswerEachCall(t *testing.T) {
	slow := takes(200 * time.Millisecond)
	a, b, d := start(t, slow, nil), start(t, slow, nil), start(t, slow, nil)
	c := dial(t, quick(func(cfg *client.Config) { cfg.AttemptTimeout = 20 * time.Millisecond }),
		a.addr, b.addr, d.addr)
	connected(t, c, 3)
	var wg sync.WaitGroup
	const calls = 100
	for range calls {
		wg.Go(func() {
			if _, err := c.BookInfo(t.Context(), 1); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if have := a.calls.Load() + b.calls.Load() + d.calls.Load(); have > calls*12/10 {
		t.Errorf("have %d attempts for %d calls, want at most 120 %%", have, calls)
	}
}

// The only instance of a service is not given the same call twice because it is slow.
func TestOnlyInstanceIsNotReplaced(t *testing.T) {
	s := start(t, takes(200*time.Millisecond), nil)
	c := dial(t, quick(func(cfg *client.Config) { cfg.AttemptTimeout = 10 * time.Millisecond }),
		s.addr)
	if _, err := c.BookInfo(t.Context(), 1); err != nil || s.calls.Load() != 1 {
		t.Errorf("have %v after %d attempts, want success after 1", err, s.calls.Load())
	}
}

// A further attempt is not begun if the fastest answer so far took longer than what is left. The
// first attempt is always begun.
func TestAttemptIsNotBegunTooLate(t *testing.T) {
	var failing atomic.Bool
	svc := answer(func(ctx context.Context) error {
		if failing.Load() {
			return errors.New("disk on fire")
		}
		return takes(100 * time.Millisecond).(answer)(ctx)
	})
	s := start(t, svc, nil)
	c := dial(t, quick(nil), s.addr)
	var wg sync.WaitGroup
	for range 40 { // the fastest answer takes 100 ms
		wg.Go(func() {
			if _, err := c.BookInfo(t.Context(), 1); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	failing.Store(true)
	before := s.calls.Load()
	ctx, cancel := context.WithTimeout(t.Context(), 70*time.Millisecond)
	defer cancel()
	_, err := c.BookInfo(ctx, 1)
	if have := s.calls.Load() - before; have > 1 || status.Code(err) == codes.Internal &&
		!strings.Contains(err.Error(), "; no retry: ") {
		t.Errorf("have %v after %d attempts, want 1 and why there is no retry", err, have)
	}
	if status.Code(err) == codes.DeadlineExceeded {
		t.Log("the machine was too slow for the first attempt")
	}
}

// An attempt that is replaced is a failure of its instance: its span has the error and the status
// DeadlineExceeded. The server's span says that the call was cancelled, which is no error of it.
func TestReplacedAttemptIsAFailureOfTheInstance(t *testing.T) {
	tracer := mocktracer.New()
	hung, good := start(t, hang(), tracer), start(t, inmem.Default(), tracer)
	c := dialWith(t, &directory{instances: []string{hung.addr, good.addr}}, tracer,
		quick(func(cfg *client.Config) {
			cfg.AttemptTimeout, cfg.Balancer = 50*time.Millisecond, "round_robin"
		}))
	connected(t, c, 2)
	var attempts []client.Attempt
	ctx := client.WithObserver(t.Context(), func(a client.Attempt) {
		attempts = append(attempts, a)
	})
	root := tracer.StartSpan("root").(*mocktracer.MockSpan)
	ctx = opentracing.ContextWithSpan(ctx, root)
	for len(attempts) < 2 {
		attempts = nil
		tracer.Reset()
		if _, err := c.BookInfo(ctx, 1); err != nil {
			t.Fatal(err)
		}
	}
	if have := attempts[0]; have.Instance != hung.addr ||
		status.Code(have.Err) != codes.DeadlineExceeded ||
		!errors.Is(have.Err, context.DeadlineExceeded) ||
		!strings.Contains(have.Err.Error(), "(-attempt-timeout)") {
		t.Errorf("the first attempt: have %+v, want DeadlineExceeded at %s", have, hung.addr)
	}
	if have := attempts[1]; have.Instance != good.addr || have.Err != nil {
		t.Errorf("the second attempt: have %+v, want success at %s", have, good.addr)
	}
	if have := failures(c, hung.addr); have != 1 {
		t.Errorf("have %d failures in the statistics of the instance, want 1", have)
	}
	testkit.Eventually(t, "four spans are finished", func() bool {
		return len(tracer.FinishedSpans()) == 4
	})
	for _, span := range tracer.FinishedSpans() {
		client := span.ParentID == root.SpanContext.SpanID
		switch atHung := span.Tag("rpc.grpc.status_code") != int(codes.OK); {
		case client && atHung:
			if span.Tag("error") != true || span.Tag("rpc.grpc.status_code") != 4 ||
				span.Tag("previous-rpc-attempts") != nil {
				t.Errorf("the replaced attempt: have %v, want an error with status 4", span.Tags())
			}
		case atHung:
			if span.Tag("error") != nil || span.Tag("rpc.grpc.status_code") != 1 {
				t.Errorf("the server of it: have %v, want no error, status 1", span.Tags())
			}
		default:
			if span.Tag("previous-rpc-attempts") != 1 || span.Tag("error") != nil {
				t.Errorf("the second attempt: have %v, want previous-rpc-attempts 1", span.Tags())
			}
		}
	}
}

// failures returns the number of failures in the statistics of an instance.
func failures(c *client.Client, addr string) uint64 {
	for _, in := range c.Stats().Instances {
		if in.Address == addr {
			return in.Failures
		}
	}
	return 0
}

// An instance to which no connection can be made costs no attempt and nothing of the budget, so
// dead instances fail no call.
func TestUnreachableInstancesCostNoCall(t *testing.T) {
	addrs := []string{start(t, inmem.Default(), nil).addr}
	for range 3 {
		addrs = append(addrs, testkit.ClosedAddr(t))
	}
	c := dial(t, quick(func(cfg *client.Config) { cfg.RetryAttempts, cfg.RetryBudget = 2, 0 }),
		addrs...)
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			for range 20 {
				if _, err := c.BookInfo(t.Context(), 1); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// Servers that fail each call get at most 20 % more calls.
func TestFailingServersGetFewRetries(t *testing.T) {
	s := start(t, fails(status.Error(codes.Unavailable, "overloaded")), nil)
	c := dial(t, quick(func(cfg *client.Config) { cfg.BreakerMinRequests = 1e6 }), s.addr)
	const calls = 200
	for range calls {
		if _, err := c.BookInfo(t.Context(), 1); status.Code(err) != codes.Unavailable {
			t.Fatalf("have %v, want Unavailable", err)
		}
	}
	if have := s.calls.Load(); have <= calls || have > calls*12/10 {
		t.Errorf("have %d attempts of %d calls, want more and at most 120 %%", have, calls)
	}
}

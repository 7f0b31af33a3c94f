package client_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"bookservice/service"
	"bookservice/service/bookendpoint"
	"bookservice/service/client"
	"bookservice/service/inmem"
	"bookservice/tracer/tracertest/testkit"
)

func TestCallsAlternate(t *testing.T) {
	a, b := start(t, inmem.Default(), nil), start(t, inmem.Default(), nil)
	c := dial(t, quick(roundRobin), a.addr, b.addr)
	connected(t, c, 2)
	for range 10 {
		if _, err := c.BookInfo(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
	}
	if a.calls.Load() != 5 || b.calls.Load() != 5 {
		t.Errorf("have %d and %d calls, want 5 each", a.calls.Load(), b.calls.Load())
	}
}

func TestAttempts(t *testing.T) {
	type test struct {
		name     string
		err      error
		code     codes.Code
		attempts int64
	}
	tests := []test{
		{"success", nil, codes.OK, 1},
		{"not found", service.NotFound(1), codes.NotFound, 1},
		{"invalid argument", service.CheckID(0), codes.InvalidArgument, 1},
		{"internal", errors.New("disk on fire"), codes.Internal, 3},
		{"cancelled by the server", context.Canceled, codes.Canceled, 3},
		{"deadline of the server", context.DeadlineExceeded, codes.DeadlineExceeded, 3},
	}
	for _, code := range []codes.Code{codes.Unimplemented, codes.PermissionDenied,
		codes.Unauthenticated, codes.FailedPrecondition, codes.OutOfRange, codes.AlreadyExists,
		codes.ResourceExhausted} {
		tests = append(tests, test{code.String(), status.Error(code, "no"), code, 1})
	}
	for _, code := range []codes.Code{codes.Unavailable, codes.Unknown, codes.Aborted,
		codes.DataLoss} {
		tests = append(tests, test{code.String(), status.Error(code, "no"), code, 3})
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t, fails(tt.err), nil)
			c := dial(t, quick(nil), s.addr)
			_, err := c.BookInfo(t.Context(), 1)
			if status.Code(err) != tt.code || s.calls.Load() != tt.attempts {
				t.Errorf("have %v after %d attempts, want %v after %d",
					err, s.calls.Load(), tt.code, tt.attempts)
			}
			if _, ok := err.(interface{ GRPCStatus() *status.Status }); err != nil && !ok {
				t.Errorf("%v has no gRPC status", err)
			}
			if tt.attempts == 3 && !strings.HasPrefix(err.Error(), s.addr+": ") {
				t.Errorf("have %v, want an error that begins with the address", err)
			}
		})
	}
}

func TestAttemptsAreConfigured(t *testing.T) {
	for _, want := range []int64{1, 2, 7} {
		s := start(t, fails(errors.New("disk on fire")), nil)
		c := dial(t, quick(func(cfg *client.Config) {
			cfg.RetryAttempts, cfg.RetryBudget = int(want), 600
		}), s.addr)
		_, err := c.BookInfo(t.Context(), 1)
		if status.Code(err) != codes.Internal || s.calls.Load() != want {
			t.Errorf("have %v after %d attempts, want Internal after %d", err, s.calls.Load(), want)
		}
	}
}

func TestErrorsAreTheServices(t *testing.T) {
	s := start(t, inmem.Default(), nil)
	c := dial(t, quick(nil), s.addr)
	_, err := c.BookInfo(t.Context(), 99)
	if !errors.Is(err, service.ErrNotFound) || err.Error() != "book 99: not found" {
		t.Errorf("BookInfo: have %v, want book 99: not found", err)
	}
	_, err = c.BookList(t.Context(), 1, 5000)
	want := "limit 5000: must be 0 to 1000, where 0 means 100"
	if !errors.Is(err, service.ErrInvalidArgument) || err.Error() != want {
		t.Errorf("BookList: have %v, want %s", err, want)
	}
}

// A call tries each instance once before it tries one again.
func TestAttemptsVisitAllInstances(t *testing.T) {
	fault := fails(errors.New("disk on fire"))
	servers := []*server{start(t, fault, nil), start(t, fault, nil), start(t, fault, nil)}
	addrs := make([]string, len(servers))
	for i, s := range servers {
		addrs[i] = s.addr
	}
	for _, attempts := range []int{3, 6} {
		c := dial(t, quick(func(cfg *client.Config) {
			cfg.RetryAttempts, cfg.RetryBudget = attempts, 500
		}), addrs...)
		connected(t, c, 3)
		if _, err := c.BookInfo(t.Context(), 1); status.Code(err) != codes.Internal {
			t.Errorf("have %v, want Internal", err)
		}
		for _, s := range servers {
			if have, want := s.calls.Swap(0), int64(attempts/3); have != want {
				t.Errorf("%d attempts: have %d at %s, want %d", attempts, have, s.addr, want)
			}
		}
	}
}

// No call fails when a server is killed during calls.
func TestKilledServerIsHidden(t *testing.T) {
	a, b := start(t, inmem.Default(), nil), start(t, inmem.Default(), nil)
	c := dial(t, quick(nil), a.addr, b.addr)
	var wg sync.WaitGroup
	var calls atomic.Int64
	for range 8 {
		wg.Go(func() {
			for range 100 {
				if _, err := c.BookInfo(t.Context(), 1); err != nil {
					t.Error(err)
				}
				if calls.Add(1) == 200 {
					a.grpc.Stop()
				}
			}
		})
	}
	wg.Wait()
}

func TestRestartedServerIsFoundAgain(t *testing.T) {
	first := start(t, inmem.Default(), nil)
	neverOpen := quick(func(cfg *client.Config) { cfg.BreakerMinRequests = 1e6 })
	c := dial(t, neverOpen, first.addr)
	if _, err := c.BookInfo(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	first.stop()
	if _, err := c.BookInfo(t.Context(), 1); status.Code(err) != codes.Unavailable {
		t.Errorf("after the stop: have %v, want Unavailable", err)
	}
	startAt(t, first.addr, inmem.Default(), nil)
	testkit.Eventually(t, "a call succeeds after the restart", func() bool {
		_, err := c.BookInfo(t.Context(), 1)
		return err == nil
	})
}

func TestTimeout(t *testing.T) {
	deadline := context.DeadlineExceeded.Error() + "; latest attempt: 127.0.0.1:"
	tests := []struct {
		name   string
		change func(*client.Config)
		want   string
	}{
		{"breaker", func(cfg *client.Config) { cfg.BreakerTimeout = 50 * time.Millisecond },
			"no response within 50ms (-breaker-timeout): " + deadline},
		{"retry", func(cfg *client.Config) { cfg.RetryTimeout = 60 * time.Millisecond },
			"no response within 60ms (-retry-timeout): " + deadline},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := dial(t, quick(tt.change), start(t, hang(), nil).addr)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			_, err := c.BookInfo(ctx, 1)
			if status.Code(err) != codes.DeadlineExceeded ||
				!errors.Is(err, context.DeadlineExceeded) ||
				!strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("have %v with code %v, want %s", err, status.Code(err), tt.want)
			}
		})
	}
}

// A delay between attempts that the timeout would end is not begun. The call returns the error of
// the attempt at once.
func TestBackoffObeysTheTimeout(t *testing.T) {
	s := start(t, fails(errors.New("disk on fire")), nil)
	c := dial(t, quick(func(cfg *client.Config) {
		cfg.RetryBackoff, cfg.RetryTimeout = time.Second, 400*time.Millisecond
	}), s.addr)
	begin := time.Now()
	_, err := c.BookInfo(t.Context(), 1)
	if status.Code(err) != codes.Internal || !errors.Is(err, bookendpoint.ErrInternal) ||
		!strings.HasPrefix(err.Error(), s.addr+": internal error; no retry: ") {
		t.Errorf("have %v, want the internal error of %s and why there is no retry", err, s.addr)
	}
	if took := time.Since(begin); took > 350*time.Millisecond || s.calls.Load() != 1 {
		t.Errorf("%d attempts took %v, want 1 and no delay", s.calls.Load(), took)
	}
}

func TestCallersOwnEnd(t *testing.T) {
	s := start(t, hang(), nil)
	c := dial(t, quick(nil), s.addr)
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := c.BookInfo(short, 1)
	if status.Code(err) != codes.DeadlineExceeded || strings.Contains(err.Error(), "within") {
		t.Errorf("have %v, want the caller's deadline and not the client's timeout", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	_, err = c.BookInfo(ctx, 1)
	if status.Code(err) != codes.Canceled || !errors.Is(err, context.Canceled) {
		t.Errorf("have %v, want Canceled", err)
	}
	calls := s.calls.Load()
	if _, err := c.BookInfo(ctx, 1); status.Code(err) != codes.Canceled {
		t.Errorf("with a context that is done: have %v, want Canceled", err)
	}
	if calls != 2 || s.calls.Load() != 2 {
		t.Errorf("have %d calls at the server, want 2 without retries", s.calls.Load())
	}
	if _, err := dial(t, quick(nil)).BookInfo(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that is done and no instance: have %v, want Canceled", err)
	}
}

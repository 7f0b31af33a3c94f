package client_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bookservice/service"
	"bookservice/service/client"
	"bookservice/service/inmem"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestCallsAlternate(t *testing.T) {
	a, b := start(t, inmem.Default(), nil), start(t, inmem.Default(), nil)
	c := dial(t, quick(nil), a.addr, b.addr)
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
	tests := []struct {
		name     string
		err      error
		code     codes.Code
		attempts int64
	}{
		{"success", nil, codes.OK, 1},
		{"not found", service.NotFound(1), codes.NotFound, 1},
		{"invalid argument", service.CheckID(0), codes.InvalidArgument, 1},
		{"internal", errors.New("disk on fire"), codes.Internal, 3},
		{"cancelled by the server", context.Canceled, codes.Canceled, 3},
		{"too late at the server", context.DeadlineExceeded, codes.DeadlineExceeded, 3},
	}
	for _, code := range []codes.Code{codes.Unimplemented, codes.PermissionDenied, codes.Unauthenticated,
		codes.FailedPrecondition, codes.OutOfRange, codes.AlreadyExists} {
		tests = append(tests, tests[0])
		last := &tests[len(tests)-1]
		last.name, last.err, last.code = code.String(), status.Error(code, "no"), code
	}
	for _, code := range []codes.Code{codes.Unavailable, codes.Unknown, codes.Aborted, codes.DataLoss,
		codes.ResourceExhausted} {
		tests = append(tests, tests[0])
		last := &tests[len(tests)-1]
		last.name, last.err, last.code, last.attempts = code.String(), status.Error(code, "no"), code, 3
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t, fails(tt.err), nil)
			c := dial(t, quick(nil), s.addr)
			_, err := c.BookInfo(t.Context(), 1)
			if status.Code(err) != tt.code || s.calls.Load() != tt.attempts {
				t.Errorf("have %v after %d attempts, want %v after %d", err, s.calls.Load(), tt.code, tt.attempts)
			}
			if _, ok := err.(interface{ GRPCStatus() *status.Status }); err != nil && !ok {
				t.Errorf("%v carries no status", err)
			}
			if tt.attempts == 3 && !strings.HasPrefix(err.Error(), s.addr) {
				t.Errorf("%v does not say where it comes from", err)
			}
		})
	}
}

func TestAttemptsAreConfigured(t *testing.T) {
	for _, want := range []int64{1, 2, 7} {
		s := start(t, fails(errors.New("disk on fire")), nil)
		c := dial(t, quick(func(cfg *client.Config) { cfg.RetryAttempts = int(want) }), s.addr)
		if _, err := c.BookInfo(t.Context(), 1); status.Code(err) != codes.Internal || s.calls.Load() != want {
			t.Errorf("have %v after %d attempts, want %d", err, s.calls.Load(), want)
		}
	}
}

func TestErrorsAreTheServices(t *testing.T) {
	s := start(t, inmem.Default(), nil)
	c := dial(t, quick(nil), s.addr)
	if _, err := c.BookInfo(t.Context(), 99); !errors.Is(err, service.ErrNotFound) || err.Error() != "book 99: not found" {
		t.Errorf("have %v", err)
	}
	_, err := c.BookList(t.Context(), 1, 5000)
	if !errors.Is(err, service.ErrInvalidArgument) || err.Error() != "limit 5000: must be 0 to 1000, where 0 means 100" {
		t.Errorf("have %v", err)
	}
}

// One of two servers is dead: no call fails, however the calls fall together. Round robin alone would lead some calls to
// the dead one with every attempt.
func TestDeadServerIsHidden(t *testing.T) {
	tests := []struct {
		name        string
		alive, dead int
		attempts    int
	}{
		{"one of two", 1, 1, 2},
		{"two of three", 1, 2, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var instances []string
			for range tt.dead {
				instances = append(instances, dead(t))
			}
			for range tt.alive {
				instances = append(instances, start(t, inmem.Default(), nil).addr)
			}
			c := dial(t, quick(func(cfg *client.Config) { cfg.RetryAttempts = tt.attempts }), instances...)
			var wg sync.WaitGroup
			var retried atomic.Int64
			for range 16 {
				wg.Go(func() {
					for range 50 {
						ctx := client.WithObserver(t.Context(), func(a client.Attempt) {
							if a.Err != nil {
								retried.Add(1)
							}
						})
						if _, err := c.BookInfo(ctx, 1); err != nil {
							t.Error(err)
						}
					}
				})
			}
			wg.Wait()
			if retried.Load() == 0 {
				t.Error("no call met the dead server: this tested nothing")
			}
		})
	}
}

// A server that is killed while calls are on their way is hidden too.
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
	c := dial(t, quick(func(cfg *client.Config) { cfg.BreakerMinRequests = 1e6 }), first.addr)
	if _, err := c.BookInfo(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	first.stop()
	if _, err := c.BookInfo(t.Context(), 1); status.Code(err) != codes.Unavailable {
		t.Errorf("have %v, want Unavailable", err)
	}
	startAt(t, first.addr, inmem.Default(), nil)
	eventually(t, "a call succeeds", func() bool {
		_, err := c.BookInfo(t.Context(), 1)
		return err == nil
	})
}

func TestTimeout(t *testing.T) {
	tests := []struct {
		name   string
		change func(*client.Config)
		want   string
	}{
		{"of the call", func(cfg *client.Config) { cfg.BreakerTimeout = 50 * time.Millisecond },
			"no answer within 50ms (-breaker-timeout): context deadline exceeded; latest attempt: 127.0.0.1:"},
		{"of all attempts", func(cfg *client.Config) { cfg.RetryTimeout = 60 * time.Millisecond },
			"no answer within 60ms (-retry-timeout): context deadline exceeded; latest attempt: 127.0.0.1:"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := dial(t, quick(tt.change), start(t, hang(), nil).addr)
			_, err := c.BookInfo(t.Context(), 1)
			if status.Code(err) != codes.DeadlineExceeded || !errors.Is(err, context.DeadlineExceeded) ||
				!strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("have %v with code %v, want %s", err, status.Code(err), tt.want)
			}
		})
	}
}

// The pause between attempts ends with the time for all of them, and the error tells what the attempts met.
func TestBackoffObeysTheTimeout(t *testing.T) {
	s := start(t, fails(errors.New("disk on fire")), nil)
	c := dial(t, quick(func(cfg *client.Config) {
		cfg.RetryBackoff, cfg.RetryTimeout = time.Second, 50*time.Millisecond
	}), s.addr)
	begin := time.Now()
	_, err := c.BookInfo(t.Context(), 1)
	if status.Code(err) != codes.DeadlineExceeded || !strings.Contains(err.Error(), s.addr+": internal error") {
		t.Errorf("have %v", err)
	}
	if took := time.Since(begin); took > 450*time.Millisecond || s.calls.Load() != 1 {
		t.Errorf("%d attempts took %v, want 1 in 50ms", s.calls.Load(), took)
	}
}

func TestCallersOwnEnd(t *testing.T) {
	s := start(t, hang(), nil)
	c := dial(t, quick(nil), s.addr)
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := c.BookInfo(short, 1); status.Code(err) != codes.DeadlineExceeded || strings.Contains(err.Error(), "within") {
		t.Errorf("have %v, want the caller's own deadline", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := c.BookInfo(ctx, 1); status.Code(err) != codes.Canceled || !errors.Is(err, context.Canceled) {
		t.Errorf("have %v, want Canceled", err)
	}
	calls := s.calls.Load()
	if _, err := c.BookInfo(ctx, 1); status.Code(err) != codes.Canceled {
		t.Errorf("with a context that is done: have %v, want Canceled", err)
	}
	if calls != 2 || s.calls.Load() != 2 {
		t.Errorf("have %d calls at the server, want 2: the caller's own end is not retried", s.calls.Load())
	}
}

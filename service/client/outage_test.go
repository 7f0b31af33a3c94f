package client_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"bookservice/service/client"
	"bookservice/service/inmem"
	"bookservice/tracer/tracertest/testkit"
)

// One bad instance never opens the breaker, whatever it does and however many calls it fails.
func TestOneBadInstanceOpensNoBreaker(t *testing.T) {
	faults := map[string]func(context.Context) error{
		"fails":  func(context.Context) error { return errors.New("disk on fire") },
		"panics": func(context.Context) error { panic("bug") },
		"limited": func(context.Context) error {
			return status.Error(codes.ResourceExhausted, "no")
		},
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			// The most sensitive breaker, and no retries beyond three.
			c := dial(t, quick(func(cfg *client.Config) {
				cfg.BreakerErrorPercent, cfg.BreakerMinRequests = 0.01, 1
				cfg.RetryBudget = 0
			}), start(t, inmem.Default(), nil).addr, start(t, inmem.Default(), nil).addr,
				start(t, answer(fault), nil).addr)
			var ok atomic.Int64
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					for range 50 {
						switch _, err := c.BookInfo(t.Context(), 1); {
						case errors.Is(err, client.ErrOpen):
							t.Fatal(err)
						case err == nil:
							ok.Add(1)
						}
					}
				})
			}
			wg.Wait()
			if ok.Load() < 200 {
				t.Errorf("have %d of 400 calls answered, want those at the good instances",
					ok.Load())
			}
		})
	}
}

// A service that fails as a whole opens the breaker, also when the retry budget is used up. It is
// closed again when the service works.
func TestOutageOpensTheBreaker(t *testing.T) {
	testkit.Slow(t)
	var broken atomic.Bool
	broken.Store(true)
	svc := answer(func(context.Context) error {
		if broken.Load() {
			return status.Error(codes.Unavailable, "overloaded")
		}
		return nil
	})
	servers := []*server{start(t, svc, nil), start(t, svc, nil), start(t, svc, nil)}
	c := dial(t, quick(func(cfg *client.Config) { cfg.BreakerOpen = 1e8 }),
		servers[0].addr, servers[1].addr, servers[2].addr)
	testkit.Eventually(t, "the breaker is open", func() bool {
		_, err := c.BookInfo(t.Context(), 1)
		return errors.Is(err, client.ErrOpen)
	})
	broken.Store(false)
	eventuallyAnswers(t, c)
}

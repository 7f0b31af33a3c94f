package client_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"bookservice/service/client"
	"bookservice/service/inmem"
	"bookservice/tracer/tracertest/testkit"
)

// A new client is connected to an instance that fails each call before it is connected to a good
// one. The breaker stays closed.
func TestBadInstanceThatConnectsFirstOpensNoBreaker(t *testing.T) {
	good, _, gate := slowToConnect(t)
	bad := start(t, fails(errors.New("disk on fire")), nil)
	cfg := client.DefaultConfig()
	cfg.RetryBackoff = 0
	c := dialWith(t, &directory{instances: []string{bad.addr, good.addr}}, nil, cfg, gate.option)
	connected(t, c, 1)
	for range 100 {
		if _, err := c.BookInfo(t.Context(), 1); err == nil || errors.Is(err, client.ErrOpen) {
			t.Fatalf("have %v, want the error of the bad instance", err)
		}
	}
	close(gate.ch)
	connected(t, c, 2)
	ok := 0
	for range 100 {
		switch _, err := c.BookInfo(t.Context(), 1); {
		case errors.Is(err, client.ErrOpen):
			t.Fatal(err)
		case err == nil:
			ok++
		}
	}
	if ok < 50 {
		t.Errorf("have %d of 100 calls answered, want most", ok)
	}
}

// A service that fails as a whole opens the breaker although an instance does not connect.
func TestOutageOpensTheBreakerBesideAnInstanceThatDoesNotConnect(t *testing.T) {
	testkit.Slow(t)
	silent, _, gate := slowToConnect(t)
	c := dialWith(t, &directory{instances: []string{
		start(t, fails(errors.New("disk on fire")), nil).addr, silent.addr}},
		nil, quick(nil), gate.option)
	testkit.Eventually(t, "the breaker is open", func() bool {
		_, err := c.BookInfo(t.Context(), 1)
		return errors.Is(err, client.ErrOpen)
	})
	close(gate.ch)
}

// A call that an instance of another service fails waits for those that are connecting.
func TestCallWaitsForInstancesBesideAnotherService(t *testing.T) {
	good, entered, gate := slowToConnect(t)
	wrong, calls := otherService(t)
	c := dialWith(t, &directory{instances: []string{wrong, good.addr}}, nil,
		client.DefaultConfig(), gate.option)
	receive(t, entered, "the client connects")
	result := make(chan error, 1)
	go func() {
		_, err := c.BookInfo(context.Background(), 1)
		result <- err
	}()
	testkit.Eventually(t, "the call was at the other service", func() bool {
		return calls.Load() == 1
	})
	close(gate.ch)
	if err := receive(t, result, "the call ends"); err != nil {
		t.Error(err)
	}
}

// The first calls of a client, before it knows how long answers take, have a limit of 1 s. A call
// at an instance that hangs is replaced earlier, as soon as the others have shown how long they
// take.
func TestCallOfANewClientDoesNotWaitForTheFirstLimit(t *testing.T) {
	testkit.Eventually(t, "the call at the hanging instance ends within 1 s", func() bool {
		entered := make(chan struct{}, 100)
		hung := start(t, answer(func(ctx context.Context) error {
			entered <- struct{}{}
			<-ctx.Done()
			return ctx.Err()
		}), nil)
		cfg := client.DefaultConfig()
		cfg.Balancer = "round_robin"
		c := dial(t, cfg, hung.addr, start(t, inmem.Default(), nil).addr,
			start(t, inmem.Default(), nil).addr)
		connected(t, c, 3)
		took := make(chan time.Duration, 100)
		for range 60 {
			go func() {
				begin := time.Now()
				if _, err := c.BookInfo(t.Context(), 1); err != nil {
					t.Error(err)
				}
				took <- time.Since(begin)
			}()
			<-time.After(5 * time.Millisecond)
		}
		var longest time.Duration
		for range 60 {
			longest = max(longest, receive(t, took, "the call ends"))
		}
		return len(entered) > 0 && longest < time.Second
	})
}

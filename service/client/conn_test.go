package client_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"bookservice/service"
	"bookservice/service/client"
	"bookservice/service/inmem"
	"bookservice/tracer/tracertest/testkit"
)

func TestOneConnectionAnInstance(t *testing.T) {
	a, b := start(t, inmem.Default(), nil), start(t, inmem.Default(), nil)
	d := &directory{instances: []string{a.addr, b.addr}}
	c := dialWith(t, d, nil, quick(nil))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 25 {
				if _, err := c.BookInfo(t.Context(), 1); err != nil {
					t.Error(err)
				}
				if _, err := c.BookList(t.Context(), 1, 1); err != nil {
					t.Error(err)
				}
			}
		})
	}
	d.set(b.addr, a.addr, b.addr) // the same instances, one of them twice
	wg.Wait()
	for _, s := range []*server{a, b} {
		if s.accepted.Load() != 1 || s.calls.Load() == 0 {
			t.Errorf("have %d connections for %d calls, want 1", s.accepted.Load(), s.calls.Load())
		}
	}
}

// An instance is removed while calls are active. The calls succeed, and no further call is sent to
// the instance. The connection is closed after the last call, not before.
func TestConnectionClosesAfterItsCalls(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	s := start(t, answer(func(context.Context) error {
		entered <- struct{}{}
		<-leave
		return nil
	}), nil)
	d := &directory{instances: []string{s.addr}}
	c := dialWith(t, d, nil, quick(nil))
	ended := make(chan error)
	for range 2 {
		go func() {
			_, err := c.BookInfo(t.Context(), 1)
			ended <- err
		}()
		receive(t, entered, "a call reaches the server")
	}
	d.set()
	if _, err := c.BookInfo(t.Context(), 1); !errors.Is(err, client.ErrNoInstance) {
		t.Errorf("after the removal: have %v, want %v", err, client.ErrNoInstance)
	}
	for range 2 {
		if s.open.Load() != 1 {
			t.Error("the connection is closed during a call")
		}
		leave <- struct{}{}
		if err := receive(t, ended, "a call ends"); err != nil {
			t.Errorf("the active call: %v", err)
		}
	}
	testkit.Eventually(t, "the connection is closed", func() bool { return s.open.Load() == 0 })

	// An instance that is added again gets a new connection.
	d.set(s.addr)
	go func() { <-entered; leave <- struct{}{} }()
	if _, err := c.BookInfo(t.Context(), 1); err != nil || s.accepted.Load() != 2 {
		t.Errorf("added again: have %v, %d connections in total, want 2", err, s.accepted.Load())
	}
}

// Instances are added and removed under load, and no call fails.
func TestInstancesComeAndGo(t *testing.T) {
	a, b := start(t, inmem.Default(), nil), start(t, inmem.Default(), nil)
	d := &directory{instances: []string{a.addr, b.addr}}
	c := dialWith(t, d, nil, quick(func(cfg *client.Config) { cfg.RetryAttempts = 1 }))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				if _, err := c.BookInfo(t.Context(), 1); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 20 {
		d.set(a.addr)
		d.set(a.addr, b.addr)
		d.set(b.addr)
		d.set(a.addr, b.addr)
	}
	wg.Wait()
	testkit.Eventually(t, "each instance has one connection", func() bool {
		return a.open.Load() == 1 && b.open.Load() == 1
	})
}

// In the synctest bubble Wait returns when all goroutines are blocked. A Close that does not wait
// for the call has returned by then.
func TestCloseWaitsForCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		entered, leave := make(chan struct{}), make(chan struct{})
		s, inMemory := startInMemory(t, answer(func(context.Context) error {
			close(entered)
			<-leave
			return nil
		}))
		d := &directory{instances: []string{s.addr}}
		c := dialWith(t, d, nil, quick(nil), inMemory)
		call, closed := make(chan error, 1), make(chan error, 2)
		go func() {
			_, err := c.BookInfo(t.Context(), 1)
			call <- err
		}()
		<-entered
		for range 2 {
			go func() { closed <- c.Close() }()
		}
		synctest.Wait()
		if len(closed) > 0 {
			t.Errorf("%d of 2 calls of Close returned before the active call ended", len(closed))
		}
		if len(call) > 0 {
			t.Errorf("Close ended the active call: %v", <-call)
		}
		if _, err := c.BookInfo(t.Context(), 1); !errors.Is(err, client.ErrClosed) {
			t.Errorf("a new call: have %v, want %v", err, client.ErrClosed)
		}
		if s.open.Load() != 1 {
			t.Errorf("have %d connections during the call, want 1", s.open.Load())
		}

		close(leave)
		synctest.Wait()
		if len(call) != 1 || len(closed) != 2 {
			t.Fatalf("have %d calls and %d calls of Close ended, want 1 and 2",
				len(call), len(closed))
		}
		if err := <-call; err != nil {
			t.Errorf("the active call: %v", err)
		}
		for range 2 {
			if err := <-closed; err != nil {
				t.Error(err)
			}
		}
		if s.open.Load() != 0 {
			t.Errorf("have %d connections after Close, want 0", s.open.Load())
		}
		if len(d.subscribers) != 0 {
			t.Error("the client is still registered with discovery")
		}
	})
}

func TestCloseWithoutInstances(t *testing.T) {
	c := dialWith(t, &directory{}, nil, quick(nil))
	for range 3 {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	_, err := c.BookList(t.Context(), 1, 1)
	if !errors.Is(err, client.ErrClosed) || status.Code(err) != codes.Canceled {
		t.Errorf("have %v with code %v, want %v", err, status.Code(err), client.ErrClosed)
	}
}

// A closed client returns ErrClosed, also if its breaker is open.
func TestClosedBeforeOpen(t *testing.T) {
	c := dial(t, quick(nil), start(t, fails(errors.New("disk on fire")), nil).addr)
	for range 6 {
		_, _ = c.BookInfo(t.Context(), 1)
	}
	if _, err := c.BookInfo(t.Context(), 1); !errors.Is(err, client.ErrOpen) {
		t.Errorf("before Close: have %v, want %v", err, client.ErrOpen)
	}
	c.Close()
	if _, err := c.BookInfo(t.Context(), 1); !errors.Is(err, client.ErrClosed) {
		t.Errorf("after Close: have %v, want %v", err, client.ErrClosed)
	}
}

// A call whose attempt fails after Close makes no further attempt.
func TestCloseEndsRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		leave := make(chan struct{})
		s, inMemory := startInMemory(t, answer(func(context.Context) error {
			<-leave
			return errors.New("disk on fire")
		}))
		d := &directory{instances: []string{s.addr}}
		cfg := client.DefaultConfig()
		cfg.RetryAttempts, cfg.RetryBackoff = 10, time.Second
		c := dialWith(t, d, nil, cfg, inMemory)
		call := make(chan error, 1)
		go func() {
			_, err := c.BookInfo(t.Context(), 1)
			call <- err
		}()
		synctest.Wait()
		go c.Close()
		synctest.Wait()
		close(leave)
		start := time.Now()
		err := <-call
		if took := time.Since(start); took > 1500*time.Millisecond {
			t.Errorf("the call ended after %v, want at most one backoff of 1.5s", took)
		}
		if !errors.Is(err, client.ErrClosed) || s.calls.Load() != 1 {
			t.Errorf("have %v after %d attempts, want %v after 1",
				err, s.calls.Load(), client.ErrClosed)
		}
	})
}

// startInMemory serves svc until the test ends. It does not use the network, so it can run in a
// synctest bubble. The option makes a client connect to the server.
func startInMemory(t *testing.T, svc service.Service) (*server, client.Option) {
	t.Helper()
	listener := bufconn.Listen(1 << 20)
	dialer := func(ctx context.Context, _ string) (net.Conn, error) {
		return listener.DialContext(ctx)
	}
	s := startOn(t, listener, svc, nil)
	return s, client.WithDialOptions(grpc.WithContextDialer(dialer))
}

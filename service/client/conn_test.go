package client_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"bookservice/service/client"
	"bookservice/service/inmem"
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
	d.set(b.addr, a.addr, b.addr) // the same again, one of them twice
	wg.Wait()
	for _, s := range []*server{a, b} {
		if s.accepted.Load() != 1 || s.calls.Load() == 0 {
			t.Errorf("have %d connections for %d calls, want 1", s.accepted.Load(), s.calls.Load())
		}
	}
}

// An instance leaves while it answers a call: the call is answered, no other is sent there, and then, not before, the
// connection is closed.
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
		<-entered
	}
	d.set()
	if _, err := c.BookInfo(t.Context(), 1); !errors.Is(err, client.ErrNoInstance) {
		t.Errorf("when the instance is gone: have %v, want %v", err, client.ErrNoInstance)
	}
	for range 2 {
		if s.open.Load() != 1 {
			t.Error("the connection is closed while a call is on it")
		}
		leave <- struct{}{}
		if err := <-ended; err != nil {
			t.Errorf("the call on its way: %v", err)
		}
	}
	eventually(t, "the connection is closed", func() bool { return s.open.Load() == 0 })

	// It comes back on a new connection.
	d.set(s.addr)
	go func() { <-entered; leave <- struct{}{} }()
	if _, err := c.BookInfo(t.Context(), 1); err != nil || s.accepted.Load() != 2 {
		t.Errorf("when it is back: have %v, %d connections, want 2", err, s.accepted.Load())
	}
}

// Instances come and go under load, and no call notices.
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
	eventually(t, "one connection each", func() bool { return a.open.Load() == 1 && b.open.Load() == 1 })
}

func TestCloseWaitsForCalls(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	s := start(t, answer(func(context.Context) error {
		close(entered)
		<-leave
		return nil
	}), nil)
	d := &directory{instances: []string{s.addr}}
	c := dialWith(t, d, nil, quick(nil))
	call, closed := make(chan error), make(chan error)
	go func() {
		_, err := c.BookInfo(t.Context(), 1)
		call <- err
	}()
	<-entered
	for range 2 {
		go func() { closed <- c.Close() }()
	}
	eventually(t, "new calls are refused", func() bool {
		_, err := c.BookInfo(t.Context(), 1)
		return errors.Is(err, client.ErrClosed)
	})
	select {
	case <-closed:
		t.Error("Close returned while a call was on its way")
	default:
	}
	close(leave)
	if err := <-call; err != nil {
		t.Errorf("the call on its way: %v", err)
	}
	for range 2 {
		if err := <-closed; err != nil {
			t.Error(err)
		}
	}
	eventually(t, "the connection is closed", func() bool { return s.open.Load() == 0 })
	if len(d.subscribers) != 0 {
		t.Error("the client is still registered with discovery")
	}
}

func TestCloseWithoutInstances(t *testing.T) {
	c := dialWith(t, &directory{}, nil, quick(nil))
	for range 3 {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := c.BookList(t.Context(), 1, 1); !errors.Is(err, client.ErrClosed) {
		t.Errorf("have %v, want %v", err, client.ErrClosed)
	}
}

package conns_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"bookservice/tracer/internal/conns"
)

// A client is what the tests renew.
type client struct {
	n      int // counts from 1
	closed chan struct{}
}

// renewed returns a Renewed, and a function that returns its clients so far.
func renewed() (*conns.Renewed[*client], func() []*client) {
	var mu sync.Mutex
	var all []*client
	r := &conns.Renewed[*client]{
		Open: func(*conns.Sockets) (*client, error) {
			mu.Lock()
			defer mu.Unlock()
			all = append(all, &client{len(all) + 1, make(chan struct{})})
			return all[len(all)-1], nil
		},
		Shut: func(c *client) { close(c.closed) },
	}
	return r, func() []*client { mu.Lock(); defer mu.Unlock(); return all }
}

// try makes a request that ends in time, or else by the deadline of its context. It returns the
// number of the client.
func try(r *conns.Renewed[*client], inTime bool) (n int) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = r.Do(ctx, func(c *client) error {
		n = c.n
		if inTime {
			return nil
		}
		<-ctx.Done()
		return ctx.Err()
	})
	return n
}

// TestClientIsReplacedAfterTwoTimeoutsInARow makes requests one after the other.
func TestClientIsReplacedAfterTwoTimeoutsInARow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, clients := renewed()
		for i, request := range []struct {
			inTime bool
			client int
		}{
			{true, 1}, {false, 1}, {true, 1}, {false, 1}, {false, 1},
			{false, 2}, {false, 2}, {true, 3}, {false, 3}, {true, 3},
		} {
			if have := try(r, request.inTime); have != request.client {
				t.Errorf("request %d: have client %d, want %d", i, have, request.client)
			}
			synctest.Wait()
		}
		for _, c := range clients()[:2] {
			<-c.closed
		}
		r.Close()
		<-clients()[2].closed
		if err := r.Do(t.Context(), nil); !errors.Is(err, net.ErrClosed) {
			t.Errorf("have %v after Close, want net.ErrClosed", err)
		}
	})
}

// TestOtherErrorsDoNotReplaceTheClient has requests that fail in time, or whose context is
// canceled.
func TestOtherErrorsDoNotReplaceTheClient(t *testing.T) {
	r, clients := renewed()
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for range 5 {
		for _, ctx := range []context.Context{t.Context(), canceled} {
			want := errors.New("refused")
			if err := r.Do(ctx, func(*client) error { return want }); err != want {
				t.Errorf("have %v, want the error of the request", err)
			}
		}
	}
	if n := len(clients()); n != 1 {
		t.Errorf("have %d clients, want 1", n)
	}
}

// TestRequestsInFlightKeepTheirClient has a request that lasts longer than two others, which time
// out.
func TestRequestsInFlightKeepTheirClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, clients := renewed()
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = r.Do(t.Context(), func(c *client) error {
				<-time.After(time.Minute)
				select {
				case <-c.closed:
					t.Error("the client is closed under the request")
				default:
				}
				return nil
			})
		}()
		synctest.Wait()
		try(r, false)
		try(r, false)
		if n := try(r, true); n != 2 {
			t.Errorf("have client %d for the next request, want 2", n)
		}
		<-done
		<-clients()[0].closed
		r.Close()
	})
}

// TestStaleClientIsReplaced has a client that must not be used any more.
func TestStaleClientIsReplaced(t *testing.T) {
	r, clients := renewed()
	stale := 0
	r.Stale = func(c *client) bool { return c.n == stale }
	for i, want := range []int{1, 1, 2, 2} {
		stale = i / 2
		if have := try(r, true); have != want {
			t.Errorf("have client %d, want %d", have, want)
		}
	}
	<-clients()[0].closed
	r.Close()
}

// TestCloseDoesNotWaitForThePeer closes a client that waits for its peer until its socket is
// closed.
func TestCloseDoesNotWaitForThePeer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	done := make(chan struct{})
	r := &conns.Renewed[net.Conn]{
		Open: func(s *conns.Sockets) (net.Conn, error) {
			return s.Dial(t.Context(), "tcp", l.Addr().String())
		},
		Shut: func(conn net.Conn) {
			_, _ = conn.Read(make([]byte, 1))
			close(done)
		},
	}
	if err := r.Do(t.Context(), func(net.Conn) error { return nil }); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	r.Close()
	if took := time.Since(start); took > 900*time.Millisecond {
		t.Errorf("Close took %v, want half a second", took)
	}
	<-done
}

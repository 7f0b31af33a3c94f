package client_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/go-kit/kit/sd"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"bookservice/discovery"
	"bookservice/discovery/etcdembed"
	"bookservice/service/client"
	"bookservice/service/inmem"
	"bookservice/tracer/tracertest/testkit"
)

// registries returns configurations of discovery that know one instance at addr.
func registries(t *testing.T, addr string) map[string]discovery.Config {
	t.Helper()
	static := discovery.DefaultConfig()
	static.Kind, static.Instances = "static", []string{addr}

	cluster, err := etcdembed.Start(t.Context(), etcdembed.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Close(); err != nil {
			t.Error(err)
		}
	})
	etcd := discovery.DefaultConfig()
	etcd.Kind, etcd.Etcd = "etcd", cluster.Endpoints()
	registry := open(t, etcd)
	if err := registry.Registrar("books", addr).Register(t.Context()); err != nil {
		t.Fatal(err)
	}
	return map[string]discovery.Config{"static": static, "etcd": etcd}
}

// open returns a registry, which is closed when the test ends.
func open(t *testing.T, c discovery.Config) discovery.Registry {
	t.Helper()
	registry, err := discovery.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := registry.Close(); err != nil {
			t.Error(err)
		}
	})
	return registry
}

// The first call of a client succeeds if discovery has an instance, at once and after
// discovery.Wait.
func TestFirstCallFindsTheInstance(t *testing.T) {
	for name, config := range registries(t, start(t, inmem.Default(), nil).addr) {
		t.Run(name, func(t *testing.T) {
			registry := open(t, config)
			for n := range 400 {
				instancer, err := registry.Instancer("books")
				if err != nil {
					t.Fatal(err)
				}
				if n%2 == 1 {
					if err := discovery.Wait(t.Context(), instancer); err != nil {
						t.Fatal(err)
					}
				}
				c, err := client.New(instancer, nil, client.DefaultConfig())
				if err != nil {
					t.Fatal(err)
				}
				if _, err := c.BookInfo(t.Context(), 1); err != nil {
					t.Errorf("first call of client %d: %v", n, err)
				}
				c.Close()
				instancer.Stop()
			}
		})
	}
}

// A quietInstancer sends the events of the channel.
type quietInstancer struct{ events chan sd.Event }

func (q quietInstancer) Register(ch chan<- sd.Event) {
	go func() {
		for e := range q.events {
			ch <- e
		}
	}()
}

func (q quietInstancer) Deregister(chan<- sd.Event) { close(q.events) }
func (quietInstancer) Stop()                        {}

// Until discovery has sent an event, a call waits within its time. An error or an empty list ends
// the wait.
func TestCallsWaitForTheFirstEvent(t *testing.T) {
	q := quietInstancer{make(chan sd.Event)}
	c := dialWith(t, q, nil, quick(func(cfg *client.Config) { cfg.RetryTimeout = 50e6 }))
	_, err := c.BookInfo(t.Context(), 1)
	if !errors.Is(err, client.ErrNoInstance) || status.Code(err) != codes.Unavailable {
		t.Errorf("at the end of the call's time: have %v, want ErrNoInstance", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := c.BookInfo(ctx, 1); status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("at the caller's deadline: have %v, want DeadlineExceeded", err)
	}
	for _, e := range []sd.Event{{}, {Err: errors.New("etcd is down")}} {
		t.Run(fmt.Sprint(e), func(t *testing.T) {
			q := quietInstancer{make(chan sd.Event)}
			c := dialWith(t, q, nil, quick(nil))
			result := make(chan error, 1)
			go func() {
				_, err := c.BookInfo(t.Context(), 1)
				result <- err
			}()
			q.events <- e
			if err := receive(t, result, "the call ends"); !errors.Is(err, client.ErrNoInstance) {
				t.Errorf("have %v, want %v", err, client.ErrNoInstance)
			}
		})
	}
}

// Close ends the wait.
func TestCloseEndsTheWaitForTheFirstEvent(t *testing.T) {
	c := dialWith(t, quietInstancer{make(chan sd.Event)}, nil, quick(nil))
	result := make(chan error, 1)
	go func() {
		_, err := c.BookInfo(t.Context(), 1)
		result <- err
	}()
	testkit.Eventually(t, "the call is closed", func() bool {
		c.Close()
		select {
		case err := <-result:
			return errors.Is(err, client.ErrClosed)
		default:
			return false
		}
	})
}

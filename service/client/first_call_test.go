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

	"bookservice/service/client"
	"bookservice/tracer/tracertest/testkit"
)

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

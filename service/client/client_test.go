package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"bookservice/service"
	"bookservice/service/client"
	"bookservice/service/inmem"
	"bookservice/service/storetest"

	"github.com/go-kit/kit/sd"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// The client is the service: the suite of the stores passes through all of its layers.
func TestClientIsTheService(t *testing.T) {
	storetest.Run(t, func(t *testing.T, books []service.Book) service.Service {
		catalogue, err := inmem.New(books...)
		if err != nil {
			t.Fatal(err)
		}
		return dial(t, quick(nil), start(t, catalogue, nil).addr)
	})
}

func TestNoInstance(t *testing.T) {
	d := &directory{}
	c := dialWith(t, d, nil, quick(nil))
	for range 10 { // more than it takes to open the breaker
		_, err := c.BookInfo(t.Context(), 1)
		if status.Code(err) != codes.Unavailable || !errors.Is(err, client.ErrNoInstance) ||
			err.Error() != "no instance of the book service" {
			t.Fatalf("have %v", err)
		}
	}
	d.set(start(t, inmem.Default(), nil).addr)
	if _, err := c.BookInfo(t.Context(), 1); err != nil {
		t.Errorf("with an instance: %v", err)
	}
}

func TestWait(t *testing.T) {
	d := &directory{}
	c := dialWith(t, d, nil, quick(nil))
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := c.Wait(ctx); err != context.DeadlineExceeded {
		t.Errorf("have %v, want %v", err, context.DeadlineExceeded)
	}
	go d.set(start(t, inmem.Default(), nil).addr)
	if err := c.Wait(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := c.BookInfo(t.Context(), 1); err != nil {
		t.Errorf("after Wait: %v", err)
	}
}

func TestBreakerOpensAndCloses(t *testing.T) {
	var broken sync.Map
	broken.Store("is", true)
	s := start(t, answer(func(context.Context) error {
		if is, _ := broken.Load("is"); is.(bool) {
			return errors.New("disk on fire")
		}
		return nil
	}), nil)
	c := dial(t, quick(func(cfg *client.Config) {
		cfg.RetryAttempts, cfg.BreakerOpen = 1, 50*time.Millisecond
	}), s.addr)
	for i := range 5 {
		if _, err := c.BookInfo(t.Context(), 1); status.Code(err) != codes.Internal {
			t.Fatalf("call %d: have %v, want Internal", i+1, err)
		}
	}
	_, err := c.BookList(t.Context(), 1, 1)
	if !errors.Is(err, client.ErrOpen) || status.Code(err) != codes.Unavailable {
		t.Fatalf("have %v, want %v", err, client.ErrOpen)
	}
	if s.calls.Load() != 5 {
		t.Errorf("have %d calls at the server, want 5: none while the breaker is open", s.calls.Load())
	}
	broken.Store("is", false)
	eventually(t, "the breaker tries a call", func() bool {
		_, err := c.BookInfo(t.Context(), 1)
		return err == nil
	})
	for range 20 {
		if _, err := c.BookInfo(t.Context(), 1); err != nil {
			t.Fatalf("after a success: %v", err)
		}
	}
}

// What is no fault of the service leaves the breaker closed, however often it comes.
func TestBreakerCountsFaultsOnly(t *testing.T) {
	s := start(t, answer(func(ctx context.Context) error {
		switch deadline, ok := ctx.Deadline(); {
		case ok && time.Until(deadline) < time.Second:
			<-ctx.Done()
			return ctx.Err()
		default:
			return service.NotFound(1)
		}
	}), nil)
	c := dial(t, quick(nil), s.addr)
	for range 10 {
		if _, err := c.BookInfo(t.Context(), 1); !errors.Is(err, service.ErrNotFound) {
			t.Fatalf("have %v, want %v", err, service.ErrNotFound)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		if _, err := c.BookInfo(ctx, 1); status.Code(err) != codes.DeadlineExceeded {
			t.Fatalf("have %v, want DeadlineExceeded", err)
		}
		cancel()
		ctx, cancel = context.WithTimeout(t.Context(), 500*time.Millisecond)
		time.AfterFunc(5*time.Millisecond, cancel)
		if _, err := c.BookInfo(ctx, 1); status.Code(err) != codes.Canceled {
			t.Fatalf("have %v, want Canceled", err)
		}
		cancel()
	}
}

// What is not retried, for it would be the same again, is the service's fault all the same.
func TestBreakerCountsWhatIsNotRetried(t *testing.T) {
	s := start(t, fails(status.Error(codes.Unimplemented, "no")), nil)
	c := dial(t, quick(nil), s.addr)
	for range 5 {
		if _, err := c.BookInfo(t.Context(), 1); status.Code(err) != codes.Unimplemented {
			t.Fatal(err)
		}
	}
	if _, err := c.BookInfo(t.Context(), 1); !errors.Is(err, client.ErrOpen) {
		t.Errorf("have %v, want %v", err, client.ErrOpen)
	}
}

func TestConcurrencyLimit(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	s := start(t, answer(func(context.Context) error {
		entered <- struct{}{}
		<-leave
		return nil
	}), nil)
	c := dial(t, quick(func(cfg *client.Config) { cfg.MaxConcurrent = 2 }), s.addr)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			if _, err := c.BookInfo(t.Context(), 1); err != nil {
				t.Error(err)
			}
		})
		<-entered
	}
	_, err := c.BookList(t.Context(), 1, 1)
	if status.Code(err) != codes.ResourceExhausted || !errors.Is(err, client.ErrBusy) {
		t.Errorf("the third call: have %v, want %v", err, client.ErrBusy)
	}
	close(leave)
	wg.Wait()
	go func() { <-entered }()
	if _, err := c.BookInfo(t.Context(), 1); err != nil {
		t.Errorf("when the others have ended: %v", err)
	}
}

func TestObserver(t *testing.T) {
	alive, gone := start(t, inmem.Default(), nil), dead(t)
	c := dial(t, quick(nil), alive.addr, gone)
	var have []client.Attempt
	ctx := client.WithObserver(t.Context(), func(a client.Attempt) { have = append(have, a) })
	for range 2 { // one of them meets the dead one first
		if _, err := c.BookInfo(ctx, 1); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.BookList(ctx, -1, 0); !errors.Is(err, service.ErrInvalidArgument) {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, a := range have {
		if a.Duration <= 0 {
			t.Errorf("%+v: have no duration", a)
		}
		instance := map[string]string{alive.addr: "alive", gone: "dead"}[a.Instance]
		seen[fmt.Sprint(a.Method, " ", instance, " ", status.Code(a.Err))]++
	}
	delete(seen, "GetBookList dead Unavailable") // depends on whose turn it was
	want := map[string]int{"GetBookInfo alive OK": 2, "GetBookInfo dead Unavailable": 1,
		"GetBookList alive InvalidArgument": 1}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("attempts (-want +have):\n%s", diff)
	}
}

func TestDiscoveryErrorsChangeNothing(t *testing.T) {
	var log bytes.Buffer
	d := &directory{instances: []string{start(t, inmem.Default(), nil).addr}}
	c := dialWith(t, d, nil, quick(nil), client.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	d.send(sd.Event{Err: errors.New("etcd is away")})
	d.set(d.instances...)
	if _, err := c.BookInfo(t.Context(), 1); err != nil {
		t.Error(err)
	}
	c.Close()
	if have := log.String(); !strings.Contains(have, "level=WARN msg=discovery err=\"etcd is away\"") ||
		strings.Contains(have, "settled") {
		t.Errorf("have log %s", have)
	}
}

// An instance that no connection can be made for is none, and the log says why.
func TestBadInstanceIsLogged(t *testing.T) {
	var log bytes.Buffer
	c := dialWith(t, &directory{instances: []string{"a:1"}}, nil, quick(nil),
		client.WithLogger(slog.New(slog.NewTextHandler(&log, nil))),
		client.WithDialOptions(grpc.WithDefaultServiceConfig("no JSON")))
	if _, err := c.BookInfo(t.Context(), 1); !errors.Is(err, client.ErrNoInstance) {
		t.Errorf("have %v, want %v", err, client.ErrNoInstance)
	}
	if have := log.String(); !strings.Contains(have, "level=WARN msg=discovery instance=a:1 err=") {
		t.Errorf("have log %s", have)
	}
}

func TestNewRefusesABadConfig(t *testing.T) {
	if c, err := client.New(&directory{}, nil, client.Config{}); err == nil || c != nil {
		t.Errorf("have %v, %v, want an error", c, err)
	}
}

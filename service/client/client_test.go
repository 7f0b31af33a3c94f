package client_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-kit/kit/sd"
	"github.com/google/go-cmp/cmp"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/mocktracer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"bookservice/service"
	"bookservice/service/client"
	"bookservice/service/inmem"
	"bookservice/service/internal/logtest"
	"bookservice/service/storetest"
	"bookservice/tracer/tracertest/testkit"
)

// The client behaves as the service that the server calls.
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
	for range 10 { // more calls than BreakerMinRequests
		_, err := c.BookInfo(t.Context(), 1)
		if status.Code(err) != codes.Unavailable || !errors.Is(err, client.ErrNoInstance) ||
			err.Error() != "no instance of the book service" {
			t.Fatalf("have %v, want %v", err, client.ErrNoInstance)
		}
	}
	d.set(start(t, inmem.Default(), nil).addr)
	if _, err := c.BookInfo(t.Context(), 1); err != nil {
		t.Errorf("with an instance: %v", err)
	}
}

// A call without an instance fails at once: it is not retried. The clock is that of the synctest
// bubble.
func TestNoInstanceFailsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := dialWith(t, &directory{}, nil, client.DefaultConfig())
		start := time.Now()
		if _, err := c.BookInfo(t.Context(), 1); !errors.Is(err, client.ErrNoInstance) {
			t.Errorf("have %v, want %v", err, client.ErrNoInstance)
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("the call took %v, want 0s", took)
		}
	})
}

func TestWait(t *testing.T) {
	d := &directory{}
	c := dialWith(t, d, nil, quick(nil))
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := c.Wait(ctx); err != context.DeadlineExceeded {
		t.Errorf("without an instance: have %v, want %v", err, context.DeadlineExceeded)
	}
	addr := start(t, inmem.Default(), nil).addr
	go d.set(addr)
	ctx, cancel = context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := c.Wait(ctx); err != nil {
		t.Error(err)
	}
	if _, err := c.BookInfo(t.Context(), 1); err != nil {
		t.Errorf("after Wait: %v", err)
	}
}

// The breaker opens after five failed calls, and a successful trial call closes it.
func TestBreakerOpensAndCloses(t *testing.T) {
	var broken atomic.Bool
	broken.Store(true)
	s := start(t, answer(func(context.Context) error {
		if broken.Load() {
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
	if have := s.calls.Load(); have != 5 {
		t.Errorf("have %d calls at the server, want 5: none while the breaker is open", have)
	}
	broken.Store(false)
	testkit.Eventually(t, "the breaker permits a trial call", func() bool {
		_, err := c.BookInfo(t.Context(), 1)
		return err == nil
	})
	for range 20 {
		if _, err := c.BookInfo(t.Context(), 1); err != nil {
			t.Fatalf("after a success: %v", err)
		}
	}
}

// Errors that are not the service's fault never open the breaker.
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

// The client's own timeout is the service's fault.
func TestBreakerCountsTimeouts(t *testing.T) {
	c := dial(t, quick(func(cfg *client.Config) { cfg.BreakerTimeout = 5 * time.Millisecond }),
		start(t, hang(), nil).addr)
	connected(t, c, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for range 5 {
		if _, err := c.BookInfo(ctx, 1); status.Code(err) != codes.DeadlineExceeded {
			t.Fatalf("have %v, want DeadlineExceeded", err)
		}
	}
	if _, err := c.BookInfo(t.Context(), 1); !errors.Is(err, client.ErrOpen) {
		t.Errorf("have %v, want %v", err, client.ErrOpen)
	}
}

// What every instance would return does not open the breaker for other calls.
func TestBreakerDoesNotCountWhatIsSameEverywhere(t *testing.T) {
	s := start(t, fails(status.Error(codes.Unimplemented, "no")), nil)
	c := dial(t, quick(nil), s.addr)
	for range 10 {
		if _, err := c.BookInfo(t.Context(), 1); status.Code(err) != codes.Unimplemented {
			t.Fatalf("have %v, want Unimplemented", err)
		}
	}
	if have := s.calls.Load(); have != 10 {
		t.Errorf("have %d calls at the server, want 10: one attempt each", have)
	}
}

// A call counts once, after its last attempt.
func TestBreakerCountsCallsNotAttempts(t *testing.T) {
	var attempts atomic.Int64
	s := start(t, answer(func(context.Context) error {
		if attempts.Add(1)%3 != 0 {
			return errors.New("disk on fire")
		}
		return nil
	}), nil)
	c := dial(t, quick(func(cfg *client.Config) { cfg.RetryBudget = 200 }), s.addr)
	for range 10 {
		if _, err := c.BookInfo(t.Context(), 1); err != nil {
			t.Fatalf("have %v, want success with the third attempt", err)
		}
	}
}

func TestConcurrencyLimit(t *testing.T) {
	entered, leave := make(chan struct{}, 4), make(chan struct{})
	s := start(t, answer(func(ctx context.Context) error {
		entered <- struct{}{}
		select {
		case <-leave:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}), nil)
	c := dial(t, quick(func(cfg *client.Config) { cfg.MaxConcurrent = 2 }), s.addr)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			if _, err := c.BookInfo(t.Context(), 1); err != nil {
				t.Error(err)
			}
		})
		receive(t, entered, "a call reaches the server")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	_, err := c.BookList(ctx, 1, 1)
	if status.Code(err) != codes.ResourceExhausted || !errors.Is(err, client.ErrBusy) {
		t.Errorf("the third call: have %v, want %v", err, client.ErrBusy)
	}
	close(leave)
	wg.Wait()
	if _, err := c.BookInfo(t.Context(), 1); err != nil {
		t.Errorf("after the other calls: %v", err)
	}
}

func TestObserver(t *testing.T) {
	alive := start(t, inmem.Default(), nil)
	failing := start(t, fails(status.Error(codes.Unavailable, "no")), nil)
	c := dial(t, quick(roundRobin), alive.addr, failing.addr)
	connected(t, c, 2)
	var have []client.Attempt
	ctx := client.WithObserver(t.Context(), func(a client.Attempt) { have = append(have, a) })
	for range 2 { // one of the calls tries the failing instance first
		if _, err := c.BookInfo(ctx, 1); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.BookList(ctx, -1, 0); !errors.Is(err, service.ErrInvalidArgument) {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for _, a := range have {
		if a.Duration <= 0 {
			t.Errorf("%+v: have no duration", a)
		}
		instance := map[string]string{alive.addr: "alive", failing.addr: "failing"}[a.Instance]
		counts[fmt.Sprint(a.Method, " ", instance, " ", status.Code(a.Err))]++
	}
	delete(counts, "GetBookList failing Unavailable") // depends on where round robin begins
	want := map[string]int{"GetBookInfo alive OK": 2, "GetBookInfo failing Unavailable": 1,
		"GetBookList alive InvalidArgument": 1}
	if diff := cmp.Diff(want, counts); diff != "" {
		t.Errorf("attempts (-want +have):\n%s", diff)
	}
}

// Each attempt is observed when it ends, in order.
func TestObserverSeesEachAttempt(t *testing.T) {
	fault := errors.New("disk on fire")
	s := start(t, answer(func(context.Context) error {
		<-time.After(2 * time.Millisecond)
		return fault
	}), nil)
	c := dial(t, quick(nil), s.addr)
	var have []int64 // calls of the server at the end of each attempt
	ctx := client.WithObserver(t.Context(), func(a client.Attempt) {
		have = append(have, s.calls.Load())
		if a.Instance != s.addr || a.Method != "GetBookInfo" ||
			status.Code(a.Err) != codes.Internal || a.Duration < 2*time.Millisecond {
			t.Errorf("have %+v, want GetBookInfo at %s with Internal after 2ms", a, s.addr)
		}
	})
	if _, err := c.BookInfo(ctx, 1); status.Code(err) != codes.Internal {
		t.Errorf("have %v, want Internal", err)
	}
	if diff := cmp.Diff([]int64{1, 2, 3}, have); diff != "" {
		t.Errorf("attempts (-want +have):\n%s", diff)
	}
}

func TestObserverIsReplaced(t *testing.T) {
	c := dial(t, quick(nil), start(t, inmem.Default(), nil).addr)
	outer, inner := 0, 0
	ctx := client.WithObserver(t.Context(), func(client.Attempt) { outer++ })
	replaced := client.WithObserver(ctx, func(client.Attempt) { inner++ })
	removed := client.WithObserver(ctx, nil)
	for _, ctx := range []context.Context{replaced, removed} {
		if _, err := c.BookInfo(ctx, 1); err != nil {
			t.Error(err)
		}
	}
	if outer != 0 || inner != 1 {
		t.Errorf("have %d and %d attempts, want 0 at the outer observer and 1 at the inner one",
			outer, inner)
	}
}

// After a panic in an observer the client has all its permits again.
func TestObserverPanics(t *testing.T) {
	s := start(t, inmem.Default(), nil)
	d := &directory{instances: []string{s.addr}}
	c := dialWith(t, d, nil, quick(func(cfg *client.Config) { cfg.MaxConcurrent = 1 }))
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic of the observer was lost")
			}
		}()
		ctx := client.WithObserver(t.Context(), func(client.Attempt) { panic("observer") })
		_, _ = c.BookInfo(ctx, 1)
	}()
	if _, err := c.BookInfo(t.Context(), 1); err != nil {
		t.Errorf("the next call: %v", err)
	}
	d.set()
	testkit.Eventually(t, "the connection is closed", func() bool { return s.open.Load() == 0 })
}

func TestDiscoveryErrorsChangeNothing(t *testing.T) {
	var log testkit.Buffer
	d := &directory{instances: []string{start(t, inmem.Default(), nil).addr}}
	c := dialWith(t, d, nil, quick(nil), client.WithLogger(newLogger(&log)))
	d.send(sd.Event{Err: errors.New("etcd is down")})
	d.set(d.instances...)
	if _, err := c.BookInfo(t.Context(), 1); err != nil {
		t.Error(err)
	}
	c.Close()
	have := log.String()
	if !strings.Contains(have, `level=WARN msg=discovery err="etcd is down"`) ||
		strings.Contains(have, "err=sync") {
		t.Errorf("log: have %s, want the error of discovery and no event of the client's own", have)
	}
}

// An error that the instancer has logged, as discovery says, is not logged again.
func TestDiscoveryErrorsAreLoggedOnce(t *testing.T) {
	var log testkit.Buffer
	d := &directory{instances: []string{start(t, inmem.Default(), nil).addr}}
	c := dialWith(t, d, nil, quick(nil), client.WithLogger(newLogger(&log)))
	d.send(sd.Event{Err: fmt.Errorf("discovery: %w", loggedError{errors.New("etcd is down")})})
	c.Close()
	if have := log.String(); strings.Contains(have, "etcd is down") {
		t.Errorf("log: have %s, want no line about a logged error", have)
	}
}

type loggedError struct{ error }

func (loggedError) Logged() bool { return true }

// An instance whose connection cannot be created is not used, and the error is logged.
func TestBadInstanceIsLogged(t *testing.T) {
	var log testkit.Buffer
	c := dialWith(t, &directory{instances: []string{"a:1"}}, nil, quick(nil),
		client.WithLogger(newLogger(&log)),
		client.WithDialOptions(grpc.WithDefaultServiceConfig("no JSON")))
	if _, err := c.BookInfo(t.Context(), 1); !errors.Is(err, client.ErrNoInstance) {
		t.Errorf("have %v, want %v", err, client.ErrNoInstance)
	}
	if have := log.String(); !strings.Contains(have, "level=WARN msg=discovery instance=a:1 err=") {
		t.Errorf("log: have %s, want a warning about a:1", have)
	}
}

func newLogger(w *testkit.Buffer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }

// report makes a client with these options log an error of discovery and one of the tracer.
func report(t *testing.T, opts ...client.Option) {
	t.Helper()
	d := &directory{instances: []string{start(t, inmem.Default(), nil).addr}}
	c, err := client.New(d, brokenTracer{mocktracer.New()}, quick(nil), opts...)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	d.send(sd.Event{Err: errors.New("etcd is down")})
	d.set(d.instances...)
	if _, err := c.BookInfo(t.Context(), 1); err != nil {
		t.Error(err)
	}
}

// A brokenTracer cannot propagate its spans.
type brokenTracer struct{ opentracing.Tracer }

func (brokenTracer) Inject(opentracing.SpanContext, any, any) error {
	return errors.New("broken tracer")
}

func TestClientLogsToTheDefaultLogger(t *testing.T) {
	var log testkit.Buffer
	logtest.CaptureDefault(t, &log)
	report(t)
	for _, want := range []string{
		`level=WARN msg=discovery err="etcd is down"`,
		`level=DEBUG msg="cannot write trace headers" err="broken tracer"`,
	} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("default logger: have %s, want %s", log.String(), want)
		}
	}
}

func TestNilLoggerDiscards(t *testing.T) {
	var log testkit.Buffer
	logtest.CaptureDefault(t, &log)
	report(t, client.WithLogger(nil))
	if log.String() != "" {
		t.Errorf("default logger: have %s, want nothing", log.String())
	}
}

func TestNewRefusesABadConfig(t *testing.T) {
	c, err := client.New(&directory{}, nil, client.Config{})
	if err == nil || c != nil {
		t.Errorf("have %v, %v, want an error", c, err)
	}
}

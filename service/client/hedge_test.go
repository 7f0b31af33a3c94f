package client_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/mocktracer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"bookservice/service"
	"bookservice/service/client"
	"bookservice/service/inmem"
	"bookservice/tracer/tracertest/testkit"
)

// hedging returns a configuration with hedges and long limits of attempts.
func hedging(after string) client.Config {
	return quick(func(cfg *client.Config) {
		cfg.Hedge, cfg.AttemptTimeout = after, 20*time.Second
		cfg.Balancer = "round_robin"
	})
}

// A call is hedged once, at another instance. The first answer is returned, and the other attempt
// is cancelled: its span says so, and neither its client's nor its server's span is an error.
func TestHedge(t *testing.T) {
	tracer := mocktracer.New()
	hung, good := start(t, hang(), tracer), start(t, inmem.Default(), tracer)
	c := dialWith(t, &directory{instances: []string{hung.addr, good.addr}}, tracer, hedging("30ms"))
	connected(t, c, 2)
	var have []client.Attempt
	ctx := client.WithObserver(t.Context(), func(a client.Attempt) { have = append(have, a) })
	root := tracer.StartSpan("root").(*mocktracer.MockSpan)
	ctx = opentracing.ContextWithSpan(ctx, root)
	for len(have) < 2 {
		have = nil
		tracer.Reset()
		book, err := c.BookInfo(ctx, 1)
		if err != nil || book.ID != 1 {
			t.Fatalf("have %v, %v, want book 1", book, err)
		}
	}
	if have[0].Instance != good.addr || have[0].Err != nil {
		t.Errorf("the attempt that ended first: have %+v, want success at %s", have[0], good.addr)
	}
	if have[1].Instance != hung.addr || !errors.Is(have[1].Err, context.Canceled) ||
		have[1].Duration <= have[0].Duration {
		t.Errorf("the other attempt: have %+v, want a cancellation at %s, which takes longer",
			have[1], hung.addr)
	}
	if have := failures(c, hung.addr); have != 0 {
		t.Errorf("have %d failures in the statistics of the instance, want none", have)
	}
	testkit.Eventually(t, "four spans are finished", func() bool {
		return len(tracer.FinishedSpans()) == 4
	})
	counts := map[string]int{}
	for _, span := range tracer.FinishedSpans() {
		if span.Tag("error") != nil {
			t.Errorf("have an error in the span %v", span.Tags())
		}
		code, hedge := span.Tag("rpc.grpc.status_code"), span.Tag("attempt.hedge") == true
		switch client := span.ParentID == root.SpanContext.SpanID; {
		case client && code == 0 && hedge && span.Tag("previous-rpc-attempts") == 1 &&
			span.Tag("attempt.cancelled") == nil:
			counts["hedge"]++
		case client && code == 1 && !hedge && span.Tag("previous-rpc-attempts") == nil &&
			span.Tag("attempt.cancelled") == "another attempt has answered: context canceled":
			counts["cancelled"]++
		case !client && code == 0 && span.Tag("previous-rpc-attempts") == 1:
			counts["server of the hedge"]++
		case !client && code == 1:
			counts["server of the cancelled"]++
		default:
			t.Errorf("have unexpected span %v", span.Tags())
		}
	}
	if len(counts) != 4 {
		t.Errorf("have %v, want one span of each attempt and of its server", counts)
	}
}

// If the first attempt answers first, the hedge is cancelled, and the call returns after both.
func TestFirstAttemptWinsAgainstItsHedge(t *testing.T) {
	var first, second atomic.Int64
	svc := answer(func(ctx context.Context) error {
		if first.Add(1) == 1 {
			for second.Load() == 0 && ctx.Err() == nil {
				<-time.After(time.Millisecond)
			}
			return ctx.Err()
		}
		second.Add(1)
		<-ctx.Done()
		return ctx.Err()
	})
	c := dial(t, hedging("10ms"), start(t, svc, nil).addr, start(t, svc, nil).addr)
	connected(t, c, 2)
	var have []error
	ctx := client.WithObserver(t.Context(), func(a client.Attempt) { have = append(have, a.Err) })
	if _, err := c.BookInfo(ctx, 1); err != nil {
		t.Fatal(err)
	}
	if len(have) != 2 || have[0] != nil || !errors.Is(have[1], context.Canceled) {
		t.Errorf("attempts: have %v, want a success and a cancellation", have)
	}
}

// A business error is an answer.
func TestBusinessErrorWinsAHedge(t *testing.T) {
	hung, good := start(t, hang(), nil), start(t, inmem.Default(), nil)
	c := dial(t, hedging("10ms"), hung.addr, good.addr)
	connected(t, c, 2)
	for range 2 {
		if _, err := c.BookInfo(t.Context(), 99); !errors.Is(err, service.ErrNotFound) {
			t.Errorf("have %v, want %v", err, service.ErrNotFound)
		}
	}
}

// A failure is no answer: the call waits for the other attempt, and is retried if both fail.
func TestHedgeThatFails(t *testing.T) {
	slow := start(t, takes(300*time.Millisecond), nil)
	broken := start(t, fails(errors.New("disk on fire")), nil)
	c := dial(t, hedging("10ms"), slow.addr, broken.addr)
	connected(t, c, 2)
	for range 2 {
		if _, err := c.BookInfo(t.Context(), 1); err != nil {
			t.Errorf("have %v, want the answer of the slow server", err)
		}
	}

	var n atomic.Int64
	third := answer(func(ctx context.Context) error {
		if n.Add(1) > 2 {
			return nil
		}
		<-time.After(50 * time.Millisecond)
		return errors.New("disk on fire")
	})
	c = dial(t, hedging("10ms"), start(t, third, nil).addr, start(t, third, nil).addr,
		start(t, third, nil).addr)
	connected(t, c, 3)
	if _, err := c.BookInfo(t.Context(), 1); err != nil || n.Load() != 3 {
		t.Errorf("have %v after %d attempts, want success after 3", err, n.Load())
	}
}

// Hedges take from the retry budget, and a call is not hedged at its only instance.
func TestHedgesAreLimited(t *testing.T) {
	testkit.Slow(t)
	slow := takes(20 * time.Millisecond)
	a, b := start(t, slow, nil), start(t, slow, nil)
	c := dial(t, hedging("1ms"), a.addr, b.addr)
	connected(t, c, 2)
	const calls = 50
	for range calls {
		if _, err := c.BookInfo(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
	}
	have := a.calls.Load() + b.calls.Load()
	if have <= calls || have > calls*12/10 {
		t.Errorf("have %d attempts of %d calls, want more and at most 120 %%", have, calls)
	}
	only := start(t, slow, nil)
	c = dial(t, hedging("1ms"), only.addr)
	connected(t, c, 1)
	if _, err := c.BookInfo(t.Context(), 1); err != nil || only.calls.Load() != 1 {
		t.Errorf("one instance: have %v after %d attempts, want success after 1",
			err, only.calls.Load())
	}
}

// A hedge that could not be sent is no load: it does not count for the retry budget.
func TestUnsentHedgesCostNoBudget(t *testing.T) {
	slow := start(t, takes(20*time.Millisecond), nil)
	other := start(t, inmem.Default(), nil)
	var unsent atomic.Int64
	lose := func(ctx context.Context, method string, request, reply any, conn *grpc.ClientConn,
		invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		if strings.HasSuffix(conn.Target(), other.addr) {
			unsent.Add(1)
			return status.Error(codes.Unavailable, "connection lost")
		}
		return invoke(ctx, method, request, reply, conn, opts...)
	}
	c := dialWith(t, &directory{instances: []string{slow.addr, other.addr}}, nil, hedging("1ms"),
		client.WithDialOptions(grpc.WithChainUnaryInterceptor(lose)))
	connected(t, c, 2)
	const calls = 30
	for range calls {
		if _, err := c.BookInfo(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
	}
	if have := unsent.Load(); have != calls {
		t.Errorf("have %d attempts at the lost connection, want one of each of %d calls",
			have, calls)
	}
	if have := slow.calls.Load(); have != calls {
		t.Errorf("have %d attempts at the other one, want one of each of %d calls", have, calls)
	}
}

// With p95, calls that take longer than most answers are hedged. Without enough answers, none is.
func TestHedgeAtP95(t *testing.T) {
	testkit.Slow(t)
	var hangs atomic.Bool
	svc := answer(func(ctx context.Context) error {
		if hangs.CompareAndSwap(true, false) {
			<-ctx.Done()
		}
		return ctx.Err()
	})
	c := dial(t, hedging("p95"), start(t, svc, nil).addr, start(t, svc, nil).addr)
	connected(t, c, 2)
	hangs.Store(true)
	var have []error
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	ctx = client.WithObserver(ctx, func(a client.Attempt) { have = append(have, a.Err) })
	if _, err := c.BookInfo(ctx, 1); err != nil {
		t.Fatal(err)
	}
	if len(have) != 2 || !errors.Is(have[0], context.DeadlineExceeded) {
		t.Errorf("the first call: have %v, want an attempt that is replaced and not hedged", have)
	}
	for range 50 {
		if _, err := c.BookInfo(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
	}
	for range 5 {
		hangs.Store(true)
		begin := time.Now()
		if _, err := c.BookInfo(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took > 10*time.Second {
			t.Errorf("the call took %v, want about the 95th percentile", took)
		}
	}
}

// The caller's cancellation ends both attempts.
func TestCallerCancelsBothAttempts(t *testing.T) {
	entered := make(chan struct{}, 2)
	svc := answer(func(ctx context.Context) error {
		entered <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	})
	c := dial(t, hedging("10ms"), start(t, svc, nil).addr, start(t, svc, nil).addr)
	connected(t, c, 2)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := c.BookInfo(ctx, 1)
		ended <- err
	}()
	receive(t, entered, "the first attempt")
	receive(t, entered, "the hedge")
	cancel()
	if err := receive(t, ended, "the call ends"); !errors.Is(err, context.Canceled) {
		t.Errorf("have %v, want a cancellation", err)
	}
}

// An instance that refuses an attempt does not cancel the other one, whichever is first.
func TestRefusedAttemptLeavesTheOther(t *testing.T) {
	testkit.Slow(t)
	slow := start(t, takes(300*time.Millisecond), nil)
	refuses := start(t, answer(func(context.Context) error {
		<-time.After(50 * time.Millisecond)
		return status.Error(codes.ResourceExhausted, "overloaded")
	}), nil)
	c := dial(t, hedging("10ms"), slow.addr, refuses.addr)
	connected(t, c, 2)
	for range 3 { // as many hedges as the budget permits at once
		if _, err := c.BookInfo(t.Context(), 1); err != nil {
			t.Errorf("have %v, want the answer of the slow server", err)
		}
	}
	if refuses.calls.Load() == 0 {
		t.Error("the other server was not called")
	}
}

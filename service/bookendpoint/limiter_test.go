package bookendpoint_test

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"bookservice/service/bookendpoint"
	"bookservice/tracer/tracertest/testkit"
)

// limiter returns a limiter in mode delay without a token, which gains one every second.
func limiter(t *testing.T, queue int, logger *slog.Logger) *bookendpoint.Limiter {
	t.Helper()
	l := bookendpoint.NewLimiter(bookendpoint.Config{
		RateEvery: time.Second, RateBurst: 1, RateMode: bookendpoint.RateDelay, RateQueue: queue,
	}, logger)
	if err := take(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	return l
}

// take makes a call that does nothing.
func take(ctx context.Context, l *bookendpoint.Limiter) error {
	next := func(context.Context, any) (any, error) { return nil, nil }
	_, err := l.Middleware(next)(ctx, nil)
	return err
}

// Calls that are cancelled while they are delayed do not delay the calls behind them.
func TestACancelledCallGivesItsTurnBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limiter(t, 1000, nil)
		ctx, cancel := context.WithCancel(t.Context())
		var left sync.WaitGroup
		for range 100 {
			left.Go(func() {
				if err := take(ctx, l); err != context.Canceled {
					t.Errorf("have %v, want %v", err, context.Canceled)
				}
			})
		}
		synctest.Wait()
		start := time.Now()
		var behind sync.WaitGroup
		behind.Go(func() {
			if err := take(t.Context(), l); err != nil {
				t.Error(err)
			}
			if took := time.Since(start); took != time.Second {
				t.Errorf("the call behind them took %v, want 1s", took)
			}
		})
		synctest.Wait()
		cancel()
		left.Wait()
		behind.Wait()
		want := bookendpoint.RateStats{Delayed: 101, Left: 100}
		if have := l.Stats(); have != want {
			t.Errorf("have %+v, want %+v", have, want)
		}
	})
}

// A call that is granted and cancelled at the same time leaves its token for the next call, which
// comes later.
func TestATokenOfACallThatLeavesIsNotLost(t *testing.T) {
	left := 0
	for range 100 {
		synctest.Test(t, func(t *testing.T) {
			l := limiter(t, 1, nil)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if take(ctx, l) == nil {
				return
			}
			left++
			if start := time.Now(); take(t.Context(), l) != nil || time.Since(start) > 0 {
				t.Fatalf("the next call had to wait %v", time.Since(start))
			}
		})
	}
	if left == 0 {
		t.Error("no call was cancelled when it was granted")
	}
}

// Report logs what the lines so far do not count, once.
func TestReportLogsTheLastCounts(t *testing.T) {
	var lines testkit.Buffer
	l := bookendpoint.NewLimiter(bookendpoint.Config{
		RateEvery: time.Hour, RateBurst: 1, RateMode: bookendpoint.RateReject,
	}, slog.New(slog.NewTextHandler(&lines, nil)))
	for range 5 { // of which the first one is allowed
		_ = take(t.Context(), l)
	}
	l.Report()
	l.Report()
	have := lines.String()
	if n := strings.Count(have, "\n"); n != 2 ||
		!strings.Contains(have, "rejected=1 ") || !strings.Contains(have, "rejected=3 ") {
		t.Errorf("have\n%s\nwant two lines, for 1 and 3 rejected calls", have)
	}
}

// The delayed calls are granted in the order of their arrival, one every RateEvery.
func TestDelayedCallsKeepTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limiter(t, 10, nil)
		start := time.Now()
		var calls sync.WaitGroup
		for i := range 10 {
			calls.Go(func() {
				if err := take(t.Context(), l); err != nil {
					t.Error(err)
				}
				want := time.Duration(i+1) * time.Second
				if took := time.Since(start); took != want {
					t.Errorf("call %d took %v, want %v", i, took, want)
				}
			})
			synctest.Wait()
		}
		calls.Wait()
		if err := take(t.Context(), l); err != nil || time.Since(start) != 11*time.Second {
			t.Errorf("have %v after %v, want a delay of 1s as before", err, time.Since(start))
		}
	})
}

// Over RateQueue a call fails at once, and its error says when a call is worthwhile.
func TestDelayedCallsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limiter(t, 20, nil)
		ctx, cancel := context.WithCancel(t.Context())
		var calls sync.WaitGroup
		errs := make(chan error, 10_000)
		for range cap(errs) {
			calls.Go(func() {
				err := take(ctx, l)
				if !errors.Is(err, context.Canceled) {
					errs <- err
				}
			})
		}
		synctest.Wait()
		if have := l.Stats().Waiting; have != 20 || len(errs) != 9980 {
			t.Errorf("have %d calls waiting and %d failed, want 20 and 9980", have, len(errs))
		}
		for range len(errs) {
			if after := retryAfter(t, <-errs, bookendpoint.ErrLimited); after != 21*time.Second {
				t.Fatalf("have RetryAfter %v, want 21s: after the 20 calls that wait", after)
			}
		}
		cancel()
		calls.Wait()
	})
}

// retryAfter returns what the error says about when to try again.
func retryAfter(t *testing.T, err, want error) time.Duration {
	t.Helper()
	if !errors.Is(err, want) || err.Error() != want.Error() {
		t.Fatalf("have %v, want %v", err, want)
	}
	hint, ok := errors.AsType[interface {
		error
		RetryAfter() time.Duration
	}](err)
	if !ok {
		t.Fatalf("%v has no method RetryAfter", err)
	}
	return hint.RetryAfter()
}

func TestRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limiter(t, 10, nil)
		ctx, cancel := context.WithTimeout(t.Context(), 250*time.Millisecond)
		defer cancel()
		have := retryAfter(t, take(ctx, l), bookendpoint.ErrTooLate)
		if have != time.Second {
			t.Errorf("too late: have %v, want 1s", have)
		}
		reject := bookendpoint.NewLimiter(bookendpoint.Config{
			RateEvery: time.Minute, RateBurst: 1, RateMode: bookendpoint.RateReject}, nil)
		if err := take(t.Context(), reject); err != nil {
			t.Fatal(err)
		}
		<-time.After(15 * time.Second)
		have = retryAfter(t, take(t.Context(), reject), bookendpoint.ErrLimited)
		if have.Round(time.Microsecond) != 45*time.Second {
			t.Errorf("rejected: have %v, want 45s", have)
		}
		<-time.After(have)
		if err := take(t.Context(), reject); err != nil {
			t.Errorf("after the time: have %v, want success", err)
		}
	})
}

// What the limit does is logged at once and then every 10 s, with the counts, while it does it.
func TestTheLimitIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lines testkit.Buffer
		l := limiter(t, 0, slog.New(slog.NewTextHandler(&lines, nil)))
		for range 31 { // of which every second one is allowed
			_ = take(t.Context(), l)
			<-time.After(500 * time.Millisecond)
		}
		<-time.After(time.Minute)
		var have []string
		for line := range strings.Lines(lines.String()) {
			_, counts, _ := strings.Cut(line, "burst=1 ")
			have = append(have, strings.TrimSpace(counts))
		}
		want := []string{"delayed=0 rejected=1 too_late=0", "delayed=0 rejected=10 too_late=0",
			"delayed=0 rejected=5 too_late=0"}
		if strings.Join(have, "\n") != strings.Join(want, "\n") {
			t.Errorf("have\n%s\nwant the counts\n%s", lines.String(), strings.Join(want, "\n"))
		}
	})
}

// A delayed call needs little memory besides its goroutine.
func TestMemoryOfADelayedCall(t *testing.T) {
	const calls = 10_000
	l := limiter(t, calls, nil)
	ctx, cancel := context.WithCancel(t.Context())
	var waiting sync.WaitGroup
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range calls {
		waiting.Go(func() { _ = take(ctx, l) })
	}
	testkit.Eventually(t, "the calls wait", func() bool { return l.Stats().Waiting > calls-100 })
	runtime.GC()
	runtime.ReadMemStats(&after)
	cancel()
	waiting.Wait()
	each := (after.HeapAlloc - before.HeapAlloc) / calls
	t.Logf("%d bytes each", each)
	if each > 1500 { // 900 without the race detector, of which the goroutine has the half
		t.Errorf("have %d bytes of heap for each delayed call, want 1500 at most", each)
	}
}

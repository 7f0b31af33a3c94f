package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"bookservice/tracer/delivery"
	"bookservice/tracer/tracertest/testkit"
)

// The same batch is sent until it is accepted. The pauses double up to MaxBackoff.
func TestRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var times []time.Time
		var first []string
		to := &destination{}
		to.answer = func(_ context.Context, attempt int, spans []string) error {
			times = append(times, time.Now())
			if first == nil {
				first = spans
			}
			if !slices.Equal(spans, first) {
				t.Errorf("attempt %d: have %q, want the first batch %q", attempt, spans, first)
			}
			if attempt < 12 {
				return errDown
			}
			return nil
		}
		q := newQueue(t, delivery.Config{}, to.send)
		want := spans(26)
		addAll(q, want)
		<-time.After(10 * time.Minute)
		flush(t, q)
		if diff := cmp.Diff(want, to.received()); diff != "" {
			t.Errorf("-want +have\n%s", diff)
		}
		backoff := 100 * time.Millisecond
		for i := 1; i < len(times); i++ {
			if have := times[i].Sub(times[i-1]); have < backoff/2 || have > backoff {
				t.Errorf("attempt %d: have a pause of %v, want %v to %v",
					i+1, have, backoff/2, backoff)
			}
			backoff = min(2*backoff, 30*time.Second)
		}
		s := stats(t, q)
		if s.Sent != 26 || s.Retried != 11 || s.Batches != 1 || s.Latency.Count != 12 {
			t.Errorf("have %+v, want 26 spans sent in one batch after 11 retries", s)
		}
	})
}

// The pauses before a retry are spread from half of the backoff to all of it.
func TestRetriedWithJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const batches = 200
		var mu sync.Mutex
		first, pauses := map[string]time.Time{}, map[string]time.Duration{}
		to := &destination{answer: func(_ context.Context, _ int, spans []string) error {
			mu.Lock()
			defer mu.Unlock()
			switch start, again := first[spans[0]]; {
			case !again:
				first[spans[0]] = time.Now()
			case pauses[spans[0]] == 0:
				pauses[spans[0]] = time.Since(start)
			}
			return errDown
		}}
		q := newQueue(t, delivery.Config{BatchBytes: 1, Senders: batches}, to.send)
		addAll(q, spans(batches))
		<-time.After(time.Second)
		_ = closeWithin(q, 0)
		shortest, longest := time.Duration(math.MaxInt64), time.Duration(0)
		for _, pause := range pauses {
			shortest, longest = min(shortest, pause), max(longest, pause)
		}
		// One of 200 pauses fails to reach either fifth with a probability below 1e-19.
		const ms = time.Millisecond
		if len(pauses) != batches || shortest < 50*ms || shortest > 60*ms ||
			longest < 90*ms || longest > 100*ms {
			t.Errorf("have %d pauses from %v to %v, want %d from about 50 ms to about 100 ms",
				len(pauses), shortest, longest, batches)
		}
	})
}

// After a destination has requested a delay, no batch is sent before its end.
func TestRetriedWhenRequested(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var times []time.Duration
		start := time.Now()
		to := &destination{answer: func(_ context.Context, attempt int, _ []string) error {
			mu.Lock()
			defer mu.Unlock()
			times = append(times, time.Since(start))
			if attempt == 1 {
				return &delivery.SendError{
					Kind: delivery.Retry, After: 7 * time.Second, Err: errDown}
			}
			return nil
		}}
		q := newQueue(t, delivery.Config{Senders: 4, BatchBytes: 100}, to.send)
		q.Add([]byte("the first"))
		<-time.After(time.Second)
		addAll(q, spans(32)) // four more batches
		<-time.After(time.Minute)
		flush(t, q)
		want := []time.Duration{500 * time.Millisecond}
		for range 5 {
			want = append(want, 7500*time.Millisecond)
		}
		if diff := cmp.Diff(want, times); diff != "" {
			t.Errorf("attempts: -want +have\n%s", diff)
		}
	})
}

// An error of the configuration is logged once and retried every MaxBackoff. The spans are kept.
func TestRetriedAfterFix(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		to := &destination{answer: func(_ context.Context, attempt int, _ []string) error {
			if attempt <= 3 {
				return &delivery.SendError{
					Kind: delivery.RetryAfterFix, Err: errors.New("401 Unauthorized")}
			}
			return nil
		}}
		logger := textLog(&log).With("to", "http://here")
		q, err := delivery.New(delivery.Config{}, to.send, logger)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		q.Add([]byte("a"))
		for to.attemptCount() < 4 {
			<-time.After(time.Second)
		}
		if took := time.Since(start); took < 90*time.Second || took > 95*time.Second {
			t.Errorf("have attempt 4 after %v, want it after three pauses of 30 s", took)
		}
		flush(t, q)
		if len(to.received()) != 1 {
			t.Errorf("have %q, want the span", to.received())
		}
		have := log.String()
		if strings.Count(have, "\n") != 1 || !strings.Contains(have, "http://here") ||
			!strings.Contains(have, "401") {
			t.Errorf("have %q, want one line with destination and status", have)
		}
	})
}

// An error of the configuration is logged again if it changes, or if it occurs after a success.
func TestRetriedAfterFixLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log testkit.Buffer
		results := []string{"401", "401", "403", "403", "", "403", "403", ""}
		to := &destination{answer: func(_ context.Context, attempt int, _ []string) error {
			if text := results[attempt-1]; text != "" {
				return &delivery.SendError{Kind: delivery.RetryAfterFix, Err: errors.New(text)}
			}
			return nil
		}}
		q, err := delivery.New(delivery.Config{}, to.send, textLog(&log))
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			q.Add([]byte("a"))
			<-time.After(10 * time.Minute)
		}
		text := log.String() // complete before Close
		flush(t, q)
		var logged []string
		for line := range strings.Lines(text) {
			if !strings.Contains(line, "level=ERROR") ||
				!strings.Contains(line, "spans rejected, check the configuration; retrying") {
				t.Errorf("have %q, want an error of the configuration", line)
			}
			_, text, _ := strings.Cut(line, "every=30s err=")
			logged = append(logged, strings.TrimSpace(text))
		}
		if diff := cmp.Diff([]string{"401", "403", "403"}, logged); diff != "" {
			t.Errorf("logged errors: -want +have\n%s", diff)
		}
	})
}

// Retries are logged at once, then every ten seconds, with the number of waiting spans and the
// latest error.
func TestRetriedLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log testkit.Buffer
		q, err := delivery.New(delivery.Config{MaxBackoff: time.Second}, down, textLog(&log))
		if err != nil {
			t.Fatal(err)
		}
		addAll(q, spans(3))
		<-time.After(25 * time.Second)
		const want = `level=WARN msg="spans not delivered, retrying" ` +
			`queued=3 spooled=0 err="connection refused"`
		have := log.String()
		if strings.Count(have, "\n") != 3 || strings.Count(have, want) != 3 {
			t.Errorf("have\n%s\nwant three lines with %s", have, want)
		}
		_ = closeWithin(q, 0)
	})
}

// A requested delay is respected after Close was called too. It does not shorten the backoff.
func TestRetriedWhenRequestedByClose(t *testing.T) {
	for _, test := range []struct{ after, min, max time.Duration }{
		{7 * time.Second, 7 * time.Second, 7 * time.Second},
		{time.Millisecond, time.Second, 2 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			to := &destination{answer: func(_ context.Context, attempt int, _ []string) error {
				if attempt == 1 {
					return &delivery.SendError{
						Kind: delivery.Retry, After: test.after, Err: errDown}
				}
				return nil
			}}
			q := newQueue(t, delivery.Config{MinBackoff: 2 * time.Second}, to.send)
			q.Add([]byte("a"))
			start := time.Now()
			flush(t, q)
			if took := time.Since(start); took < test.min || took > test.max {
				t.Errorf("have a pause of %v, want %v to %v", took, test.min, test.max)
			}
		})
	}
}

// A batch that is too large is split. A batch with a malformed span is halved until only that span
// is dropped.
func TestRetriedInParts(t *testing.T) {
	for name, test := range map[string]struct {
		answer func(_ context.Context, _ int, spans []string) error
		lost   string // the span that must not arrive
		reason string
	}{
		"batch too large": {func(_ context.Context, _ int, spans []string) error {
			if len(spans) > 3 {
				return &delivery.SendError{Kind: delivery.Split, Err: errors.New("413")}
			}
			return nil
		}, "", ""},
		"span too large": {func(_ context.Context, _ int, spans []string) error {
			if slices.Contains(spans, "span 000042;") {
				return &delivery.SendError{Kind: delivery.Split, Err: errors.New("413")}
			}
			return nil
		}, "span 000042;", delivery.TooBig},
		"span malformed": {func(_ context.Context, _ int, spans []string) error {
			if slices.Contains(spans, "span 000007;") {
				return &delivery.SendError{Kind: delivery.Bisect, Err: errors.New("400")}
			}
			return nil
		}, "span 000007;", delivery.Refused},
		"span dropped": {func(_ context.Context, _ int, spans []string) error {
			switch malformed := slices.Contains(spans, "span 000099;"); {
			case malformed && len(spans) == 1:
				return &delivery.SendError{Kind: delivery.Drop, Err: errors.New("410")}
			case malformed:
				return &delivery.SendError{Kind: delivery.Bisect, Err: errors.New("400")}
			}
			return nil
		}, "span 000099;", delivery.Refused},
	} {
		t.Run(name, func(t *testing.T) {
			to := &destination{answer: test.answer}
			q := newQueue(t, delivery.Config{}, to.send)
			stop := watchStats(t, q)
			all := spans(100)
			addAll(q, all)
			err := closeWithin(q, time.Minute)
			stop()
			wantErr := "<nil>"
			if test.reason != "" {
				wantErr = fmt.Sprintf("1 spans lost (1 %s): ", test.reason)
			}
			if !strings.HasPrefix(fmt.Sprint(err), wantErr) {
				t.Errorf("have error %v, want %s", err, wantErr)
			}
			want := slices.DeleteFunc(all, func(s string) bool { return s == test.lost })
			if diff := cmp.Diff(want, to.received()); diff != "" {
				t.Errorf("-want +have\n%s", diff)
			}
			s := stats(t, q)
			if s.Dropped != uint64(100-len(want)) || s.DroppedBy[test.reason] != s.Dropped {
				t.Errorf("have %+v, want %d dropped, %q", s, 100-len(want), test.reason)
			}
		})
	}
}

// A panic of the SendFunc drops the span that causes it. The process continues.
func TestPanicInSendFunc(t *testing.T) {
	to := &destination{answer: func(_ context.Context, _ int, spans []string) error {
		if slices.Contains(spans, "span 000042;") {
			panic("42")
		}
		return nil
	}}
	q := newQueue(t, delivery.Config{}, to.send)
	addAll(q, spans(100))
	if err := closeWithin(q, time.Minute); err == nil ||
		err.Error() != "1 spans lost (1 refused): panic: 42" {
		t.Errorf("have %v, want the panic", err)
	}
	s := stats(t, q)
	if s.Sent != 99 || s.DroppedBy[delivery.Refused] != 1 || len(to.received()) != 99 {
		t.Errorf("have %+v, want 99 sent and one refused", s)
	}
}

// A partially accepted batch is not sent again. Its rejected spans count as dropped.
func TestPartial(t *testing.T) {
	for rejected, want := range map[int]uint64{3: 3, 0: 0, -1: 0, 11: 10} {
		to := &destination{answer: func(context.Context, int, []string) error {
			return &delivery.SendError{
				Kind: delivery.Partial, Rejected: rejected, Err: errors.New("odd ones")}
		}}
		q := newQueue(t, delivery.Config{}, to.send)
		addAll(q, spans(10))
		wantErr := "<nil>"
		if want > 0 {
			wantErr = fmt.Sprintf("%d spans lost (%d refused): odd ones", want, want)
		}
		if have := fmt.Sprint(closeWithin(q, time.Minute)); have != wantErr {
			t.Errorf("have %s, want %s", have, wantErr)
		}
		s := stats(t, q)
		if s.Sent != 10-want || s.DroppedBy[delivery.Refused] != want || to.attemptCount() != 1 {
			t.Errorf("have %+v after %d attempts, want %d refused and the rest sent in one",
				s, to.attemptCount(), want)
		}
	}
}

// The success of one sender ends the backoff of all others.
func TestSendersRecoverTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		downUntil := time.Now().Add(10 * time.Minute)
		var last time.Time
		to := &destination{answer: func(context.Context, int, []string) error {
			mu.Lock()
			defer mu.Unlock()
			if last = time.Now(); last.Before(downUntil) {
				return errDown
			}
			return nil
		}}
		q := newQueue(t, delivery.Config{BatchBytes: 100, Senders: 4}, to.send)
		addAll(q, spans(100))
		for q.Stats().Sent == 0 {
			<-time.After(10 * time.Millisecond)
		}
		first := time.Now()
		<-time.After(time.Minute)
		flush(t, q)
		if have := len(to.received()); have != 100 || last.Sub(first) > 100*time.Millisecond {
			t.Errorf("have %d spans, the last %v after the first, want 100 at once",
				have, last.Sub(first))
		}
	})
}

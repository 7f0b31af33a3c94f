package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"runtime"
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

// Add returns at once while the destination hangs, during Close and after it.
func TestNonBlocking(t *testing.T) {
	q := newQueue(t, delivery.Config{QueueBytes: 1 << 20, BatchBytes: 1000}, hang)
	stop := watchStats(t, q)
	var adding, halfway sync.WaitGroup
	halfway.Add(4)
	for range 4 {
		adding.Go(func() {
			for i := range 50000 {
				if i == 25000 {
					halfway.Done()
				}
				q.Add([]byte("0123456789"))
			}
		})
	}
	waitFor(t, "25,000 calls of Add return", halfway.Wait)
	waitFor(t, "Close returns", func() {
		if err := closeWithin(q, 50*time.Millisecond); err == nil {
			t.Error("have no error, want the number of lost spans")
		}
	})
	waitFor(t, "all calls of Add return", adding.Wait)
	q.Add([]byte("late"))
	stop()
	s := stats(t, q)
	if s.Added != 200001 || s.Dropped != 200001 ||
		s.DroppedBy[delivery.Closed] == 0 || s.DroppedBy[delivery.QueueFull] == 0 {
		t.Errorf("have %+v, want all 200001 dropped, with both reasons", s)
	}
}

// Add copies the span: the caller may reuse its slice.
func TestNonBlockingCopies(t *testing.T) {
	to := &destination{}
	q := newQueue(t, delivery.Config{}, to.send)
	buf := []byte("a")
	q.Add(buf)
	buf[0] = 'b'
	q.Add(buf)
	flush(t, q)
	if diff := cmp.Diff([]string{"a", "b"}, to.received()); diff != "" {
		t.Errorf("-want +have\n%s", diff)
	}
}

// A slowLog is a log handler that blocks until release is closed.
type slowLog struct {
	slog.Handler
	release chan struct{}
}

func (l slowLog) Handle(context.Context, slog.Record) error {
	<-l.release
	return nil
}

// A log handler that blocks delays neither Add nor the senders, and Close by one second.
func TestNonBlockingWithSlowLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		enabled := slog.NewTextHandler(io.Discard, nil) //nolint:sloglint // DiscardHandler is not
		log := slowLog{enabled, make(chan struct{})}
		to := &destination{answer: func(_ context.Context, attempt int, _ []string) error {
			if attempt < 5 {
				return errDown
			}
			return nil
		}}
		q, err := delivery.New(delivery.Config{QueueBytes: 1000}, to.send, slog.New(log))
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		addAll(q, spans(1000))
		if took := time.Since(start); took != 0 {
			t.Errorf("1000 calls of Add took %v, want no waiting", took)
		}
		<-time.After(time.Minute)
		if s := stats(t, q); s.Sent != 50 || s.Dropped != 950 {
			t.Errorf("have %+v, want 50 sent and 950 dropped without room", s)
		}
		start = time.Now()
		flush(t, q)
		if took := time.Since(start); took != time.Second {
			t.Errorf("Close took %v, want 1 s for the log handler", took)
		}
		close(log.release)
	})
}

// New accepts a nil logger.
func TestNilLogger(t *testing.T) {
	q, err := delivery.New(delivery.Config{QueueBytes: 1}, down, nil)
	if err != nil {
		t.Fatal(err)
	}
	q.Add([]byte("too much"))
	flush(t, q)
	if s := stats(t, q); s.Dropped != 1 {
		t.Errorf("have %+v, want 1 dropped", s)
	}
}

// The spans in memory, including those that are being sent, stay within QueueBytes. Without room,
// new spans are dropped.
func TestBounded(t *testing.T) {
	var log testkit.Buffer
	cfg := delivery.Config{QueueBytes: 1800, BatchBytes: 180}
	q, err := delivery.New(cfg, hang, textLog(&log))
	if err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		q.Add([]byte("0123456789"))
		if s := stats(t, q); s.QueueBytes > 1800 {
			t.Fatalf("have %d bytes in memory, want at most 1800", s.QueueBytes)
		}
	}
	if s := stats(t, q); s.Queued != 100 || s.DroppedBy[delivery.QueueFull] != 900 {
		t.Errorf("have %+v, want 100 queued and 900 dropped without room", s)
	}
	testkit.Eventually(t, "a warning is logged", func() bool { return log.String() != "" })
	err = closeWithin(q, time.Millisecond)
	if err == nil || !strings.HasPrefix(err.Error(), "100 spans lost: ") {
		t.Errorf("have %v, want 100 spans lost", err)
	}
	const want = ` total=1000 reasons="100 not flushed, 900 queue full"` + "\n"
	if have := log.String(); strings.Count(have, "\n") != 2 || !strings.Contains(have, want) {
		t.Errorf("have %q, want a warning at once and a last one with %q", have, want)
	}
}

// Dropped spans are logged every ten seconds and by Close, with the total so far.
func TestBoundedWarnings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		q, err := delivery.New(delivery.Config{QueueBytes: 1}, hang, textLog(&log))
		if err != nil {
			t.Fatal(err)
		}
		for range 25 {
			q.Add([]byte("x"))
			<-time.After(900 * time.Millisecond)
		}
		flush(t, q)
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		if len(lines) != 4 || !strings.Contains(lines[2], "total=23 ") ||
			!strings.Contains(lines[3], "total=25 ") {
			t.Errorf("have\n%s\nwant lines after 0, 10 and 20 s, and one of Close", log.String())
		}
	})
}

// A batch of two or more spans has at most BatchBytes. A larger span is a batch of its own.
func TestBoundedBatch(t *testing.T) {
	var have []string
	send := func(_ context.Context, b delivery.Batch) error {
		have = append(have, string(b.Bytes()))
		return nil
	}
	q := newQueue(t, delivery.Config{BatchBytes: 6, Senders: 1}, send)
	addAll(q, []string{"abc", "def", "g", "hijklmn", "o", "pqrstu", "v"})
	flush(t, q)
	want := []string{"abcdef", "g", "hijklmn", "o", "pqrstu", "v"}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("batches: -want +have\n%s", diff)
	}
}

// A span of more than 16 MiB is dropped.
func TestBoundedSpan(t *testing.T) {
	to := &destination{}
	q := newQueue(t, delivery.Config{}, to.send)
	const limit = 16 << 20
	q.Add(make([]byte, limit))
	q.Add(make([]byte, limit+1))
	flush(t, q)
	s := stats(t, q)
	if s.Sent != 1 || s.Bytes != limit || s.DroppedBy[delivery.TooBig] != 1 {
		t.Errorf("have %+v, want one span of 16 MiB sent and one too large", s)
	}
}

// After a burst of spans, the queue keeps the memory of a few batches only.
func TestBoundedWhenIdle(t *testing.T) {
	testkit.Eventually(t, "the memory of earlier tests is free", func() bool {
		return heap() < 12<<20
	})
	before := heap()
	release := make(chan struct{})
	q := newQueue(t, delivery.Config{}, func(context.Context, delivery.Batch) error {
		<-release
		return nil
	})
	span := make([]byte, 1<<10)
	for range 32 << 10 {
		q.Add(span)
	}
	if have := int64(heap()-before) >> 20; have < 32 {
		t.Errorf("have %d MiB in use, want the 32 MiB of the spans", have)
	}
	close(release)
	testkit.Eventually(t, "all spans are sent", func() bool { return q.Stats().Sent == 32<<10 })
	if have := (int64(heap()) - int64(before)) >> 20; have > 8 {
		t.Errorf("have %d MiB more in use when the queue is empty, want at most 8 MiB", have)
	}
	flush(t, q)
}

// The memory of sent batches is used again.
func TestBoundedAllocation(t *testing.T) {
	const batches, perBatch = 100, 256
	cfg := delivery.Config{BatchBytes: perBatch << 10, BatchAge: time.Hour}
	q := newQueue(t, cfg, func(context.Context, delivery.Batch) error { return nil })
	span := make([]byte, 1<<10)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for i := range batches {
		for range perBatch {
			q.Add(span)
		}
		// The last span fills the batch; the next one starts a new batch.
		testkit.Eventually(t, "all batches but one are sent",
			func() bool { return q.Stats().Sent == uint64(i*perBatch) })
	}
	runtime.ReadMemStats(&after)
	if have := (after.TotalAlloc - before.TotalAlloc) >> 20; have > 5 {
		t.Errorf("have %d MiB allocated for %d MiB of spans, want at most 5", have, batches/4)
	}
	flush(t, q)
}

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

// A line about dropped spans has the latest error of the destination.
func TestBoundedLog(t *testing.T) {
	var log testkit.Buffer
	send := func(context.Context, delivery.Batch) error {
		return &delivery.SendError{Kind: delivery.Drop, Err: errors.New("410 Gone")}
	}
	q, err := delivery.New(delivery.Config{}, send, textLog(&log))
	if err != nil {
		t.Fatal(err)
	}
	q.Add([]byte("a"))
	if err := closeWithin(q, time.Minute); err == nil {
		t.Error("have no error of Close, want the refusal")
	}
	const want = `msg="spans dropped" dropped=1 total=1 reasons="1 refused" err="410 Gone"` + "\n"
	if have := log.String(); strings.Count(have, "\n") != 1 || !strings.Contains(have, want) {
		t.Errorf("have %q, want one line with %q", have, want)
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

// Close returns when its context ends, while the destination hangs. Concurrent calls return the
// same error.
func TestFlushed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(t, delivery.Config{BatchBytes: 100}, hang)
		addAll(q, spans(100))
		start := time.Now()
		var closers sync.WaitGroup
		for range 5 {
			closers.Go(func() {
				err := closeWithin(q, 5*time.Second)
				if err == nil || !strings.HasPrefix(err.Error(), "100 spans lost: ") {
					t.Errorf("have %v, want 100 spans lost", err)
				}
			})
		}
		closers.Wait()
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("Close took %v, want the 5 s of its context", took)
		}
		s := stats(t, q)
		if s.DroppedBy[delivery.NotFlushed] != 100 || s.QueueBytes != 0 {
			t.Errorf("have %+v, want 100 not flushed and an empty queue", s)
		}
	})
}

// The context of every attempt has ended when Close returns.
func TestFlushedContext(t *testing.T) {
	var ctx context.Context
	q := newQueue(t, delivery.Config{}, func(c context.Context, _ delivery.Batch) error {
		ctx = c
		return nil
	})
	q.Add([]byte("a"))
	flush(t, q)
	if ctx.Err() == nil {
		t.Error("have a context that has not ended, want it ended")
	}
}

// Close ends a backoff: all spans are sent at once if the destination accepts them again.
func TestFlushedWithoutBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := make(toggle)
		to := &destination{answer: up.answer}
		q := newQueue(t, delivery.Config{BatchBytes: 100}, to.send)
		addAll(q, spans(100))
		<-time.After(10 * time.Minute) // the backoff has reached its maximum
		up.on()
		start := time.Now()
		if err := closeWithin(q, time.Second); err != nil {
			t.Error(err)
		}
		if have := len(to.received()); have != 100 || time.Since(start) != 0 {
			t.Errorf("have %d spans after %v, want 100 at once", have, time.Since(start))
		}
	})
}

// After a call of Close, the backoff starts again with MinBackoff.
func TestFlushedWithNewBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := make(toggle)
		to := &destination{answer: up.answer}
		q := newQueue(t, delivery.Config{BatchBytes: 100}, to.send)
		addAll(q, spans(100))
		<-time.After(10 * time.Minute) // the backoff has reached its maximum
		time.AfterFunc(time.Second, up.on)
		start := time.Now()
		if err := closeWithin(q, 10*time.Second); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took < time.Second || took > 3*time.Second {
			t.Errorf("Close took %v, want 1 s to 3 s", took)
		}
	})
}

// Close returns when its context ends, during a backoff.
func TestFlushedDuringBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(t, delivery.Config{MinBackoff: time.Hour, MaxBackoff: time.Hour}, down)
		q.Add([]byte("a"))
		<-time.After(time.Minute)
		start := time.Now()
		err := closeWithin(q, 5*time.Second)
		if want := "1 spans lost: " + errDown.Error(); err == nil || err.Error() != want {
			t.Errorf("have %v, want %s", err, want)
		}
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("Close took %v, want the 5 s of its context", took)
		}
	})
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

// Several batches are sent at the same time: the throughput is not limited by the round-trip time.
func TestConcurrentSenders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := &destination{answer: func(context.Context, int, []string) error {
			<-time.After(200 * time.Millisecond)
			return nil
		}}
		q := newQueue(t, delivery.Config{BatchBytes: 1000, Senders: 8}, to.send)
		start := time.Now()
		addAll(q, spans(80*83)) // 80 batches of 83 spans
		flush(t, q)
		if took := time.Since(start); took > 2200*time.Millisecond {
			t.Errorf("80 batches of 200 ms took %v, want about 2 s with 8 senders", took)
		}
	})
}

// The counters match the calls, and their sums hold at every moment.
func TestCounted(t *testing.T) {
	to := &destination{answer: func(_ context.Context, attempt int, _ []string) error {
		if attempt%2 == 1 {
			return errDown
		}
		return nil
	}}
	cfg := delivery.Config{
		BatchBytes: 1000, MinBackoff: time.Millisecond, MaxBackoff: time.Millisecond}
	q := newQueue(t, cfg, to.send)
	stop := watchStats(t, q)
	var adding sync.WaitGroup
	for range 4 {
		adding.Go(func() { addAll(q, spans(5000)) })
	}
	adding.Wait()
	flush(t, q)
	stop()
	s := stats(t, q)
	var observed uint64
	for _, n := range s.Latency.Buckets {
		observed += n
	}
	if n := delivery.Jobs(q); n != 0 {
		t.Errorf("have %d jobs after Close, want none", n)
	}
	if s.Sent != 20000 || s.Bytes != 20000*spanSize || s.Batches == 0 || s.Retried == 0 ||
		s.QueueBytes != 0 || s.Latency.Count != s.Batches+s.Retried ||
		observed != s.Latency.Count {
		t.Errorf("have %+v, want 20000 spans of %d bytes sent", s, spanSize)
	}
}

// An attempt counts in the first bucket whose bound it does not exceed.
func TestCountedLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bounds := delivery.LatencyBounds()
		durations := slices.Concat(bounds, []time.Duration{ // each bound itself
			0, time.Millisecond + 1, 10*time.Second + 1})
		to := &destination{answer: func(_ context.Context, attempt int, _ []string) error {
			<-time.After(durations[attempt-1])
			return nil
		}}
		q := newQueue(t, delivery.Config{}, to.send)
		var want delivery.Latency
		for i, d := range durations {
			q.Add([]byte("x"))
			<-time.After(11 * time.Second)
			want.Count++
			want.Sum += d
			if i < len(bounds) {
				want.Buckets[i]++
			}
		}
		want.Buckets[0]++ // 0
		want.Buckets[1]++ // more than 1 ms; more than 10 s is in no bucket
		flush(t, q)
		if diff := cmp.Diff(want, q.Stats().Latency); diff != "" {
			t.Errorf("-want +have\n%s", diff)
		}
	})
}

// A queue whose destination hangs does not affect another queue.
func TestIsolated(t *testing.T) {
	to := &destination{}
	stuck := newQueue(t, delivery.Config{QueueBytes: 10000}, hang)
	q := newQueue(t, delivery.Config{}, to.send)
	for _, s := range spans(10000) {
		stuck.Add([]byte(s))
		q.Add([]byte(s))
	}
	flush(t, q)
	if have := len(to.received()); have != 10000 {
		t.Errorf("have %d spans, want 10000", have)
	}
	_ = closeWithin(stuck, time.Millisecond)
}

// With the queue at its limit for the spans of ten minutes, the process needs at most 32 MiB more
// than QueueBytes. No goroutine is left.
func TestSoak(t *testing.T) {
	const limit = 8 << 20
	goroutines, before := runtime.NumGoroutine(), heap()
	permits := make(chan struct{}, 1000)
	cfg := delivery.Config{
		QueueBytes: limit, MinBackoff: time.Microsecond, MaxBackoff: time.Microsecond}
	q := newQueue(t, cfg, func(context.Context, delivery.Batch) error {
		select {
		case <-permits:
			return nil
		default:
			return errDown
		}
	})
	span := []byte(strings.Repeat("x", 300))
	most := uint64(0)
	for i := range 600000 { // 1,000 per second for ten minutes
		q.Add(span)
		if i%1500 == 0 { // half of the spans are accepted
			permits <- struct{}{}
		}
		if i%20000 == 0 {
			most = max(most, heap())
			stats(t, q)
		}
	}
	_ = closeWithin(q, 10*time.Millisecond)
	if most > before+limit+32<<20 {
		t.Errorf("have %d MiB more memory in use, want at most QueueBytes of 8 MiB and 32 MiB",
			(most-before)>>20)
	}
	if s := stats(t, q); s.Dropped == 0 || s.Sent == 0 {
		t.Errorf("have %+v, want spans both sent and dropped", s)
	}
	testkit.Eventually(t, "no goroutine is left",
		func() bool { return runtime.NumGoroutine() <= goroutines })
}

func heap() uint64 {
	var m runtime.MemStats
	for range 2 { // a second time for what a finalizer or a pool has kept
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

func BenchmarkAdd(b *testing.B) {
	for _, size := range []int{100, 400} {
		b.Run(fmt.Sprint(size, " bytes"), func(b *testing.B) {
			send := func(context.Context, delivery.Batch) error { return nil }
			q := newQueue(b, delivery.Config{}, send)
			span := make([]byte, size)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					q.Add(span)
				}
			})
			flush(b, q)
			b.ReportMetric(float64(q.Stats().Dropped)/float64(b.N), "dropped/op")
		})
	}
}

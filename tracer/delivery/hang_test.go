package delivery_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"bookservice/tracer/delivery"
	"bookservice/tracer/tracertest/testkit"
)

// Close returns within 800 ms of the end of its context although no Send returns. Its error has the
// number of lost spans.
func TestFlushedWithHangingSends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		send := func(context.Context, delivery.Batch) error { <-release; return nil }
		for _, before := range []time.Duration{0, 5 * time.Second, time.Hour} {
			var log testkit.Buffer
			q, err := delivery.New(delivery.Config{BatchBytes: 100}, send, textLog(&log))
			if err != nil {
				t.Fatal(err)
			}
			addAll(q, spans(100))
			<-time.After(before)
			start := time.Now()
			err = closeWithin(q, 5*time.Second)
			if took := time.Since(start); took > 5800*time.Millisecond {
				t.Errorf("Close took %v, want 5.8 s at most", took)
			}
			if err == nil || !strings.HasPrefix(err.Error(), "100 spans lost: ") {
				t.Errorf("have %v, want 100 spans lost", err)
			}
			s := stats(t, q)
			if s.Dropped != 100 || s.DroppedBy[delivery.NotFlushed] != 100 || s.Abandoned < 8 {
				t.Errorf("have %+v, want 100 spans not flushed and 8 or more Sends abandoned", s)
			}
			if before > time.Minute && !strings.Contains(log.String(), "have not returned") {
				t.Errorf("have %q, want a line about the Sends", log.String())
			}
		}
		close(release)
	})
}

// A Send that has not returned 1 s after its time-out is abandoned. Another sends its batch.
func TestRetriedWithHangingSend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		to := &destination{answer: func(_ context.Context, attempt int, _ []string) error {
			if attempt <= 2 {
				<-release
				return errors.New("too late")
			}
			return nil
		}}
		q := newQueue(t, delivery.Config{Senders: 1, SendTimeout: 3 * time.Second}, to.send)
		stop := watchStats(t, q)
		want := spans(100)
		addAll(q, want)
		<-time.After(20 * time.Second)
		if diff := cmp.Diff(want, to.received()); diff != "" {
			t.Errorf("-want +have\n%.1000s", diff)
		}
		s := stats(t, q)
		if s.Sent != 100 || s.Abandoned != 2 || s.Retried != 2 || s.QueueBytes == 0 {
			t.Errorf("have %+v, want 100 sent after 2 abandoned Sends that still use memory", s)
		}
		close(release)
		synctest.Wait()
		if s := stats(t, q); s.Sent != 100 || s.QueueBytes != 0 {
			t.Errorf("have %+v after the Sends have returned, want no memory in use", s)
		}
		stop()
		flush(t, q)
	})
}

// While 64 abandoned Sends run, no further attempt begins.
func TestBoundedHangingSends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		to := &destination{answer: func(context.Context, int, []string) error {
			<-release
			return nil
		}}
		q := newQueue(t, delivery.Config{BatchBytes: 1000, QueueBytes: 20000}, to.send)
		for _, s := range spans(10000) {
			q.Add([]byte(s))
			<-time.After(time.Second)
			if s := stats(t, q); s.QueueBytes > 20000 {
				t.Fatalf("have %d bytes, want 20000 at most", s.QueueBytes)
			}
		}
		if have := to.attemptCount(); have < 64 || have >= 64+8 {
			t.Errorf("have %d Sends that hang, want 64, and less than 8 that began before", have)
		}
		close(release)
		<-time.After(time.Minute)
		if s := stats(t, q); s.Queued != 0 || s.QueueBytes != 0 {
			t.Errorf("have %+v, want all queued spans sent", s)
		}
		flush(t, q)
	})
}

// After two time-outs in a row the next attempt has twice the time, up to SendTimeout. When the
// destination answers faster, the time shrinks again.
func TestRetriedWithLongerTimeout(t *testing.T) {
	for _, test := range []struct {
		limit  time.Duration
		answer time.Duration // how long the destination takes to answer
		want   []time.Duration
	}{
		{0, 11 * time.Second, []time.Duration{10, 10, 20}},
		{0, 25 * time.Second, []time.Duration{10, 10, 20, 20, 40}},
		{0, 50 * time.Second, []time.Duration{10, 10, 20, 20, 40, 40, 60}},
		{15 * time.Second, 12 * time.Second, []time.Duration{10, 10, 15}},
		{time.Second, time.Hour, []time.Duration{1, 1, 1, 1, 1, 1}},
		{time.Hour, 2000 * time.Second, []time.Duration{10, 10, 20, 20, 40, 40, 80, 80, 160, 160,
			320, 320, 640, 640, 1280, 1280, 2560}},
	} {
		synctest.Test(t, func(t *testing.T) {
			var mu sync.Mutex
			var limits []time.Duration
			var answer atomic.Int64
			answer.Store(int64(test.answer))
			seen := func() []time.Duration {
				mu.Lock()
				defer mu.Unlock()
				return slices.Clone(limits)
			}
			to := &destination{answer: func(ctx context.Context, _ int, _ []string) error {
				deadline, _ := ctx.Deadline()
				mu.Lock()
				limits = append(limits, time.Until(deadline)/time.Second)
				mu.Unlock()
				select {
				case <-time.After(time.Duration(answer.Load())):
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			}}
			q := newQueue(t, delivery.Config{SendTimeout: test.limit, Senders: 1,
				MaxBackoff: time.Second}, to.send)
			q.Add([]byte("a"))
			end := time.Now().Add(3 * time.Hour)
			for len(seen()) < len(test.want) || q.Stats().Sent == 0 && time.Now().Before(end) {
				<-time.After(time.Second)
				if test.answer == time.Hour && len(seen()) == len(test.want) {
					break
				}
			}
			if diff := cmp.Diff(test.want, seen()[:len(test.want)]); diff != "" {
				t.Errorf("limit %v, answers after %v: seconds -want +have\n%s",
					test.limit, test.answer, diff)
			}
			answer.Store(int64(time.Millisecond))
			_ = closeWithin(q, time.Hour)
		})
	}
}

// Concurrent attempts that time out together count as one.
func TestRetriedWithLongerTimeoutOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		counts := map[time.Duration]int{}
		send := func(ctx context.Context, _ delivery.Batch) error {
			deadline, _ := ctx.Deadline()
			mu.Lock()
			counts[time.Until(deadline)]++
			mu.Unlock()
			<-ctx.Done()
			return ctx.Err()
		}
		q := newQueue(t, delivery.Config{BatchBytes: 24, MaxBackoff: time.Millisecond}, send)
		addAll(q, spans(16))
		<-time.After(29 * time.Second)
		mu.Lock()
		want := map[time.Duration]int{10 * time.Second: 8, 20 * time.Second: 8}
		if diff := cmp.Diff(want, counts); diff != "" {
			t.Errorf("attempts by time: -want +have\n%s", diff)
		}
		mu.Unlock()
		_ = closeWithin(q, time.Millisecond)
	})
}

// Whatever operation of the disk hangs, spans are sent, a line says that the spool is slow, and
// Close returns. The disk hangs in each operation in turn, for ever or for a minute.
func TestIsolatedFromHangingDisk(t *testing.T) {
	testkit.Slow(t)
	for _, operation := range []string{
		"create", "syncdir", "write", "sync", "close", "read", "remove",
	} {
		for name, forever := range map[string]bool{"minute": false, "ever": true} {
			t.Run(operation+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { hangingDisk(t, operation, forever) })
			})
		}
	}
}

func hangingDisk(t *testing.T, operation string, forever bool) {
	dir := t.TempDir()
	fillSpool(t, dir, spans(100)) // to be read and removed
	end := make(chan struct{})
	hanging, hung := false, false
	var mu sync.Mutex
	fs := &powerFS{fail: func(op, _ string) error {
		mu.Lock()
		hang := hanging && op == operation
		hung = hung || hang
		mu.Unlock()
		if hang && forever {
			<-end
		} else if hang {
			<-time.After(time.Minute)
		}
		return nil
	}}
	down, healthy := make(toggle), atomic.Bool{}
	to := &destination{answer: func(ctx context.Context, n int, spans []string) error {
		<-time.After(20 * time.Millisecond)
		if healthy.Load() {
			return nil
		}
		return down.answer(ctx, n, spans)
	}}
	var log testkit.Buffer
	cfg := delivery.Config{Spool: dir, BatchBytes: 200, QueueBytes: 100000}
	q := newFaultyQueue(t, cfg, to.send, textLog(&log), fs)
	all := spans(3000)
	addAll(q, all[100:1000])
	<-time.After(20 * time.Second) // files have been written
	mu.Lock()
	hanging = true
	mu.Unlock()
	addAll(q, all[1000:2000])
	<-time.After(20 * time.Second) // the disk hangs while the destination is down
	healthy.Store(true)
	down.on()
	<-time.After(30 * time.Second)
	for _, s := range all[2000:] {
		q.Add([]byte(s))
		<-time.After(time.Millisecond)
	}
	<-time.After(5 * time.Second)
	have := map[string]bool{}
	for _, s := range to.received() {
		have[s] = true
	}
	for _, s := range all[2000:] {
		if !have[s] {
			t.Fatalf("%s was not sent to a healthy destination within 5 s", s)
		}
	}
	mu.Lock()
	if !hung {
		t.Error("the disk did not hang")
	}
	mu.Unlock()
	if !strings.Contains(log.String(), "spool slow") {
		t.Errorf("have %q, want a line that the spool is slow", log.String())
	}
	start := time.Now()
	err := closeWithin(q, time.Second)
	if took := time.Since(start); took > 1800*time.Millisecond {
		t.Errorf("Close took %v, want 1.8 s at most", took)
	}
	s := stats(t, q)
	if lost := s.DroppedBy[delivery.NotFlushed]; s.Dropped != lost || lost > 0 && err == nil {
		t.Errorf("have %+v and error %v, want only spans in memory lost, and said", s, err)
	}
	mu.Lock()
	hanging = false
	mu.Unlock()
	close(end)
	<-time.After(2 * time.Minute) // the goroutines end
}

// A warning of one kind does not delay the first one of another kind.
func TestReportedByKind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log testkit.Buffer
		fs := &powerFS{}
		var rejected atomic.Bool
		to := &destination{answer: func(context.Context, int, []string) error {
			if rejected.Load() {
				return &delivery.SendError{Kind: delivery.RetryAfterFix, Err: errors.New("401")}
			}
			return errDown
		}}
		cfg := delivery.Config{Spool: t.TempDir(), SpoolBytes: 1, QueueBytes: 10000, Senders: 1}
		q := newFaultyQueue(t, cfg, to.send, textLog(&log), fs)
		has := func(text string, want int) {
			t.Helper()
			synctest.Wait()
			if have := strings.Count(log.String(), text); have != want {
				t.Errorf("have %d lines with %q, want %d in\n%s", have, text, want, log.String())
			}
		}
		addAll(q, spans(100))
		<-time.After(time.Second)
		has("not delivered, retrying", 1)
		has("spool not writable", 1)
		addAll(q, spans(1000))
		has("spans dropped", 1)
		rejected.Store(true)
		<-time.After(3 * time.Second)
		has("check the configuration", 1)
		has("not delivered, retrying", 1)
		_ = closeWithin(q, time.Millisecond)
	})
}

// slog handlers are called without a lock of the queue, so that they may use it.
func TestNonBlockingInLogHandler(t *testing.T) {
	var q *delivery.Queue
	ready := make(chan struct{})
	log := slog.New(slog.NewTextHandler(writerFunc(func(b []byte) (int, error) {
		<-ready
		q.Add(b)
		q.Stats()
		return len(b), nil
	}), nil))
	q, err := delivery.New(delivery.Config{}, down, log)
	if err != nil {
		t.Fatal(err)
	}
	close(ready)
	q.Add([]byte("a"))
	testkit.Eventually(t, "the handler adds a span", func() bool { return q.Stats().Added == 2 })
	waitFor(t, "Close returns", func() { _ = closeWithin(q, time.Millisecond) })
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

var _ io.Writer = writerFunc(nil)

package delivery_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"bookservice/tracer/delivery"
	"bookservice/tracer/tracertest/testkit"
)

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

// Close returns when its context ends, while a sender waits for memory to read the spool.
func TestFlushedWithoutMemory(t *testing.T) {
	dir := t.TempDir()
	fillSpool(t, dir, spans(500))
	cfg := delivery.Config{Spool: dir, QueueBytes: 2000, Senders: 2} // one file has 1660 bytes
	q := newQueue(t, cfg, hang)
	testkit.Eventually(t, "a sender has a file", func() bool { return q.Stats().QueueBytes > 0 })
	<-time.After(10 * time.Millisecond) // the other waits
	waitFor(t, "Close returns", func() {
		if err := closeWithin(q, time.Millisecond); err != nil {
			t.Error(err)
		}
	})
	if s := stats(t, q); s.Spooled != 500 || s.QueueBytes != 0 {
		t.Errorf("have %+v, want 500 spooled", s)
	}
}

// When a batch is sent, a sender that waits for memory reads the next file, or ends after Close.
func TestFlushedWithLittleMemory(t *testing.T) {
	dir, want := t.TempDir(), spans(500)
	fillSpool(t, dir, want)
	release := make(chan struct{})
	to := &destination{answer: func(context.Context, int, []string) error {
		<-release
		return nil
	}}
	cfg := delivery.Config{Spool: dir, QueueBytes: 2000, Senders: 2} // one file has 1660 bytes
	q := newQueue(t, cfg, to.send)
	testkit.Eventually(t, "a sender has a file", func() bool { return q.Stats().QueueBytes > 0 })
	time.AfterFunc(20*time.Millisecond, func() { close(release) }) // the other waits
	waitFor(t, "Close returns", func() { flush(t, q) })
	if diff := cmp.Diff(want, to.received()); diff != "" {
		t.Errorf("-want +have\n%.1000s", diff)
	}
}

// If the spool has no room for the remaining spans, Close drops them. Its error has their number
// and the cause.
func TestFlushedToFullSpool(t *testing.T) {
	dir := t.TempDir()
	cfg := delivery.Config{Spool: dir, SpoolBytes: 1660, BatchBytes: 1000, SpoolSync: time.Hour}
	q := newQueue(t, cfg, hang)
	addAll(q, spans(3*83)) // three batches of 83 spans, 20 bytes each
	err := closeWithin(q, time.Millisecond)
	if want := "166 spans lost: spool full"; err == nil || err.Error() != want {
		t.Errorf("have %v, want %s", err, want)
	}
	s := stats(t, q)
	if s.Spooled != 83 || s.DroppedBy[delivery.NotFlushed] != 166 || s.QueueBytes != 0 {
		t.Errorf("have %+v, want 83 spooled and 166 not flushed", s)
	}
	if have, _ := sendSpool(t, dir, nil); len(have) != 83 {
		t.Errorf("have %d spans in the spool, want 83", len(have))
	}
}

// Close waits for a disk operation of the spooler. If it fails, Close writes the spans.
func TestFlushedWithSlowDisk(t *testing.T) {
	blocked, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	fs := &powerFS{fail: func(op, _ string) (err error) {
		if op == "sync" {
			once.Do(func() {
				close(blocked)
				<-release
				err = errDisk
			})
		}
		return err
	}}
	// The sender does not take the batch, which is too young for it.
	cfg := delivery.Config{Spool: t.TempDir(), Senders: 1, QueueBytes: 1000}
	q := newFaultyQueue(t, cfg, hang, nil, fs)
	addAll(q, spans(30)) // more than half of QueueBytes, so that the spooler writes it
	waitFor(t, "the disk blocks", func() { <-blocked })
	closed := make(chan error)
	go func() { closed <- closeWithin(q, time.Millisecond) }()
	select {
	case err := <-closed:
		t.Fatalf("Close has returned %v during a disk operation", err)
	case <-time.After(50 * time.Millisecond):
	}
	close(release)
	waitFor(t, "Close returns", func() {
		if err := <-closed; err != nil {
			t.Error(err)
		}
	})
	if s := stats(t, q); s.Spooled != 30 || len(fs.durable()) != 30 {
		t.Errorf("have %+v and %d spans on disk, want all 30", s, len(fs.durable()))
	}
}

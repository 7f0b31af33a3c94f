package delivery_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"bookservice/tracer/delivery"
	"bookservice/tracer/tracertest/testkit"
)

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

// With a spool, spans that exceed QueueBytes are written to disk. They are sent when the
// destination accepts spans again.
func TestBoundedWithSpool(t *testing.T) {
	dir := t.TempDir()
	release := make(chan struct{})
	to := &destination{answer: func(ctx context.Context, _ int, _ []string) error {
		select {
		case <-release:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}}
	q := newQueue(t, delivery.Config{Spool: dir, QueueBytes: 20000, BatchBytes: 1000, Senders: 4,
		SpoolSync: time.Millisecond}, to.send)
	stop := watchStats(t, q)
	want := spans(20000)
	bounded := func() delivery.Stats {
		s := stats(t, q)
		if s.QueueBytes > 20000 {
			t.Fatalf("have %d bytes in memory, want at most 20000, with spans read from disk",
				s.QueueBytes)
		}
		return s
	}
	for i, s := range want {
		q.Add([]byte(s))
		if i%100 == 0 { // not faster than the disk
			testkit.Eventually(t, "the spooler makes room",
				func() bool { return q.Stats().QueueBytes < 12000 })
		}
	}
	if s := bounded(); s.Spooled < 15000 {
		t.Errorf("have %+v, want most spans on disk", s)
	}
	close(release)
	testkit.Eventually(t, "all spans are sent", func() bool { return bounded().Sent == 20000 })
	flush(t, q)
	stop()
	if diff := cmp.Diff(want, to.received()); diff != "" {
		t.Errorf("-want +have\n%.1000s", diff)
	}
	if left := spoolFiles(t, dir); len(left) != 0 {
		t.Errorf("have %v left, want no file", left)
	}
	if s := stats(t, q); s.QueueBytes != 0 || s.SpoolBytes != 0 {
		t.Errorf("have %+v, want no bytes in memory and on disk", s)
	}
}

// With a spool, spans are written to disk when they fill half of QueueBytes, however young they
// are.
func TestBoundedWithSpoolInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := delivery.Config{Spool: t.TempDir(), QueueBytes: 2000, BatchBytes: 100, Senders: 2,
			BatchAge: time.Hour, SpoolSync: 10 * time.Hour}
		q := newQueue(t, cfg, hang)
		for i, s := range spans(1000) {
			q.Add([]byte(s))
			synctest.Wait() // for the disk
			s := stats(t, q)
			if used := 20 * (i + 1); s.QueueBytes > 1000 || used <= 1000 && s.Spooled > 0 {
				t.Fatalf("have %+v after %d spans, want those above 1000 bytes spooled", s, i+1)
			}
		}
		if err := closeWithin(q, time.Second); err != nil {
			t.Error(err)
		}
		if s := stats(t, q); s.Spooled != 1000 || s.Dropped != 0 {
			t.Errorf("have %+v, want all 1000 spooled", s)
		}
	})
}

// Files are read while QueueBytes has room for them: one for each sender, and one ahead. A file
// that is larger than QueueBytes is read on its own.
func TestBoundedReading(t *testing.T) {
	const fileSize = 83 * frameSize
	for _, test := range []struct{ queueBytes, concurrent, read int }{
		{100, 1, 1}, {fileSize, 1, 1}, {2*fileSize - 1, 1, 1}, {2 * fileSize, 2, 2},
		{3 * fileSize, 3, 3}, {1 << 20, 3, 4},
	} {
		dir, want := t.TempDir(), spans(4*83)
		fillSpool(t, dir, want)
		release := make(chan struct{})
		to := &destination{answer: func(context.Context, int, []string) error {
			<-release
			return nil
		}}
		q := newQueue(t, delivery.Config{Spool: dir, QueueBytes: test.queueBytes, Senders: 3,
			BatchBytes: 1000}, to.send)
		testkit.Eventually(t, "files are read", func() bool {
			return to.attemptCount() == test.concurrent &&
				q.Stats().QueueBytes == test.read*fileSize
		})
		<-time.After(10 * time.Millisecond)
		s := stats(t, q)
		if n := to.attemptCount(); n != test.concurrent || s.QueueBytes != test.read*fileSize {
			t.Errorf("%+v: have %d files and %d bytes in memory", test, n, s.QueueBytes)
		}
		close(release)
		flush(t, q)
		if diff := cmp.Diff(want, to.received()); diff != "" {
			t.Errorf("%+v: -want +have\n%.1000s", test, diff)
		}
	}
}

// A batch that was spooled to make room is sent at once if a sender is idle.
func TestBoundedWithSpoolAndIdleSenders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := &destination{}
		cfg := delivery.Config{Spool: t.TempDir(), QueueBytes: 2000,
			BatchAge: time.Hour, SpoolSync: 10 * time.Hour}
		q := newQueue(t, cfg, to.send)
		addAll(q, spans(51)) // one more than half of QueueBytes
		<-time.After(time.Second)
		if s := stats(t, q); s.Sent != 51 || s.QueueBytes != 0 || s.SpoolBytes != 0 {
			t.Errorf("have %+v, want 51 sent", s)
		}
		flush(t, q)
	})
}

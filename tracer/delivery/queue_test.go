package delivery_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"bookservice/tracer/delivery"
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

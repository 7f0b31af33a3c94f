package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"bookservice/tracer/delivery"
)

// Add returns at once while the destination hangs, while Close is under way, and after it.
func TestNeverInTheWay(t *testing.T) {
	q := open(t, delivery.Config{QueueBytes: 1 << 20, BatchBytes: 1000}, hang)
	stop := watch(t, q)
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
	closed := make(chan error)
	go func() {
		halfway.Wait()
		closed <- closeWithin(q, 50*time.Millisecond)
	}()
	if err := <-closed; err == nil {
		t.Error("have no error, want one that says what was lost")
	}
	adding.Wait()
	q.Add([]byte("late"))
	stop()
	if s := balanced(t, q); s.Added != 200001 || s.Dropped != 200001 || s.DroppedBy[delivery.Closed] == 0 || s.DroppedBy[delivery.QueueFull] == 0 {
		t.Errorf("have %+v, want all 200001 dropped, some because it was closed", s)
	}
}

// slowLog is a log that takes nothing before it is released.
type slowLog struct {
	slog.Handler
	release chan struct{}
}

func (l slowLog) Handle(context.Context, slog.Record) error {
	<-l.release
	return nil
}

// A log that blocks holds up neither Add nor the senders, and Close only for a second.
func TestNeverInTheWayOfASlowLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := slowLog{slog.NewTextHandler(io.Discard, nil), make(chan struct{})}
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
		addAll(q, names(1000))
		if took := time.Since(start); took != 0 {
			t.Errorf("took %v, want nobody to wait", took)
		}
		<-time.After(time.Minute)
		if s := balanced(t, q); s.Sent != 45 || s.Dropped != 955 {
			t.Errorf("have %+v, want 45 sent, for which there was room", s)
		}
		start = time.Now()
		flush(t, q)
		if took := time.Since(start); took != time.Second {
			t.Errorf("Close took %v, want the second that a log is given", took)
		}
		close(log.release)
	})
}

// What is held in memory stays below the bound, what is being sent included; beyond it the newest are dropped.
func TestBounded(t *testing.T) {
	var warnings lines
	q, err := delivery.New(delivery.Config{QueueBytes: 1800, BatchBytes: 180}, hang, slog.New(slog.NewTextHandler(&warnings, nil)))
	if err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		q.Add([]byte("0123456789"))
		if s := balanced(t, q); s.QueueBytes > 1800 {
			t.Fatalf("have %d bytes in memory, want at most 1800", s.QueueBytes)
		}
	}
	if s := balanced(t, q); s.Queued != 100 || s.DroppedBy[delivery.QueueFull] != 900 {
		t.Errorf("have %+v, want 100 queued and 900 dropped for want of room", s)
	}
	eventually(t, "a warning at once", func() bool { return warnings.String() != "" })
	if err := closeWithin(q, time.Millisecond); err == nil || !strings.HasPrefix(err.Error(), "100 spans lost: ") {
		t.Errorf("have %v, want 100 spans lost", err)
	}
	if have := warnings.String(); strings.Count(have, "\n") != 2 || !strings.Contains(have, "dropped=1000 reasons=\"map[not flushed:100 queue full:900]\"") {
		t.Errorf("have %q, want a warning at once and one at the end that says how many and why", have)
	}
}

// The warning comes again after ten seconds, and at the end, with the number so far.
func TestWarningEveryTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var warnings strings.Builder
		q, err := delivery.New(delivery.Config{QueueBytes: 1}, hang, slog.New(slog.NewTextHandler(&warnings, nil)))
		if err != nil {
			t.Fatal(err)
		}
		for range 25 {
			q.Add([]byte("x"))
			<-time.After(900 * time.Millisecond)
		}
		flush(t, q)
		lines := strings.Split(strings.TrimSpace(warnings.String()), "\n")
		if len(lines) != 4 || !strings.Contains(lines[2], "dropped=23 ") || !strings.Contains(lines[3], "dropped=25 ") {
			t.Errorf("have\n%s\nwant lines after 0, 10 and 20 s, and the last word", warnings.String())
		}
	})
}

// The same batch is sent again until it is taken, with pauses that double up to the longest.
func TestRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var times []time.Time
		var first []string
		to := &destination{}
		to.answer = func(_ context.Context, attempt int, records []string) error {
			times = append(times, time.Now())
			if first == nil {
				first = records
			}
			if !slices.Equal(records, first) {
				t.Errorf("attempt %d: have %q, want the same batch, %q", attempt, records, first)
			}
			if attempt < 12 {
				return errDown
			}
			return nil
		}
		q := open(t, delivery.Config{}, to.send)
		want := names(26)
		addAll(q, want)
		<-time.After(10 * time.Minute)
		flush(t, q)
		if diff := cmp.Diff(want, to.received()); diff != "" {
			t.Errorf("-want +have\n%s", diff)
		}
		for i, backoff := 1, 100*time.Millisecond; i < len(times); i, backoff = i+1, min(2*backoff, 30*time.Second) {
			if have := times[i].Sub(times[i-1]); have < backoff/2 || have > backoff {
				t.Errorf("before attempt %d: have a pause of %v, want %v to %v", i+1, have, backoff/2, backoff)
			}
		}
		if s := balanced(t, q); s.Sent != 26 || s.Retried != 11 || s.Batches != 1 || s.Latency.Count != 12 {
			t.Errorf("have %+v, want 26 sent in one batch after 11 retries", s)
		}
	})
}

// A destination that names a time is not asked before it, about no batch.
func TestRetriedWhenAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var times []time.Duration
		start := time.Now()
		to := &destination{answer: func(_ context.Context, attempt int, _ []string) error {
			mu.Lock()
			defer mu.Unlock()
			times = append(times, time.Since(start))
			if attempt == 1 {
				return &delivery.SendError{Kind: delivery.Retry, After: 7 * time.Second, Err: errDown}
			}
			return nil
		}}
		q := open(t, delivery.Config{Senders: 4, BatchBytes: 100}, to.send)
		q.Add([]byte("the first"))
		<-time.After(time.Second)
		addAll(q, names(28)) // four batches more
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

// A mistake in the configuration keeps the spans, is said once, and is tried again slowly.
func TestMisconfiguredIsSaidOnceAndKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lines strings.Builder
		to := &destination{answer: func(_ context.Context, attempt int, _ []string) error {
			if attempt <= 3 {
				return &delivery.SendError{Kind: delivery.RetryAfterFix, Err: errors.New("401 Unauthorized")}
			}
			return nil
		}}
		q, err := delivery.New(delivery.Config{}, to.send, slog.New(slog.NewTextHandler(&lines, nil)).With("to", "http://here"))
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		q.Add([]byte("a"))
		for to.made() < 4 {
			<-time.After(time.Second)
		}
		if took := time.Since(start); took < 90*time.Second || took > 95*time.Second {
			t.Errorf("have the fourth attempt after %v, want it after three pauses of 30 s", took)
		}
		flush(t, q)
		if len(to.received()) != 1 {
			t.Errorf("have %q, want the span", to.received())
		}
		if have := lines.String(); strings.Count(have, "\n") != 1 || !strings.Contains(have, "http://here") || !strings.Contains(have, "401") {
			t.Errorf("have %q, want one line that names destination and status", have)
		}
	})
}

// What is too large is split, and what is malformed is halved until only the bad record is dropped.
func TestSplitAndBisected(t *testing.T) {
	for name, test := range map[string]struct {
		answer func(_ context.Context, _ int, records []string) error
		lost   string // the records that must not arrive
		reason string
	}{
		"too large together": {func(_ context.Context, _ int, records []string) error {
			if len(records) > 3 {
				return &delivery.SendError{Kind: delivery.Split, Err: errors.New("413")}
			}
			return nil
		}, "", ""},
		"one too large": {func(_ context.Context, _ int, records []string) error {
			if slices.Contains(records, "record 000042;") {
				return &delivery.SendError{Kind: delivery.Split, Err: errors.New("413")}
			}
			return nil
		}, "record 000042;", delivery.TooBig},
		"one malformed": {func(_ context.Context, _ int, records []string) error {
			if slices.Contains(records, "record 000007;") {
				return &delivery.SendError{Kind: delivery.Bisect, Err: errors.New("400")}
			}
			return nil
		}, "record 000007;", delivery.Refused},
		"refused for good": {func(_ context.Context, _ int, records []string) error {
			switch bad := slices.Contains(records, "record 000099;"); {
			case bad && len(records) == 1:
				return &delivery.SendError{Kind: delivery.Drop, Err: errors.New("410")}
			case bad:
				return &delivery.SendError{Kind: delivery.Bisect, Err: errors.New("400")}
			}
			return nil
		}, "record 000099;", delivery.Refused},
	} {
		t.Run(name, func(t *testing.T) {
			to := &destination{answer: test.answer}
			q := open(t, delivery.Config{}, to.send)
			stop := watch(t, q)
			all := names(100)
			addAll(q, all)
			flush(t, q)
			stop()
			want := slices.DeleteFunc(all, func(r string) bool { return r == test.lost })
			if diff := cmp.Diff(want, to.received()); diff != "" {
				t.Errorf("-want +have\n%s", diff)
			}
			if s := balanced(t, q); s.Dropped != uint64(100-len(want)) || s.DroppedBy[test.reason] != s.Dropped {
				t.Errorf("have %+v, want %d dropped, %q", s, 100-len(want), test.reason)
			}
		})
	}
}

// A panic costs the record that it is about, and not the process.
func TestPanicInSend(t *testing.T) {
	to := &destination{answer: func(_ context.Context, _ int, records []string) error {
		if slices.Contains(records, "record 000042;") {
			panic("42")
		}
		return nil
	}}
	q := open(t, delivery.Config{}, to.send)
	addAll(q, names(100))
	flush(t, q)
	if s := balanced(t, q); s.Sent != 99 || s.DroppedBy[delivery.Refused] != 1 || len(to.received()) != 99 {
		t.Errorf("have %+v, want 99 sent and one refused", s)
	}
}

// What was rejected of a batch that was taken else is not sent again.
func TestPartlyTaken(t *testing.T) {
	to := &destination{answer: func(context.Context, int, []string) error {
		return &delivery.SendError{Kind: delivery.Partial, Rejected: 3, Err: errors.New("odd ones")}
	}}
	q := open(t, delivery.Config{}, to.send)
	addAll(q, names(10))
	flush(t, q)
	if s := balanced(t, q); s.Sent != 7 || s.DroppedBy[delivery.Refused] != 3 || to.made() != 1 {
		t.Errorf("have %+v after %d attempts, want 7 sent and 3 refused in one", s, to.made())
	}
}

// Close ends within its time although the destination hangs, however often and by whomever it is called.
func TestFlushed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := open(t, delivery.Config{BatchBytes: 100}, hang)
		addAll(q, names(100))
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
			t.Errorf("took %v, want the 5 s it was given", took)
		}
		if s := balanced(t, q); s.DroppedBy[delivery.NotFlushed] != 100 || s.QueueBytes != 0 {
			t.Errorf("have %+v, want 100 not flushed and nothing held", s)
		}
	})
}

// A pause under way when Close begins is cut short: a destination that is back gets everything at once.
func TestFlushedWithoutWaitingForABackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := make(chan struct{})
		to := &destination{answer: func(context.Context, int, []string) error {
			select {
			case <-up:
				return nil
			default:
				return errDown
			}
		}}
		q := open(t, delivery.Config{BatchBytes: 100}, to.send)
		addAll(q, names(100))
		<-time.After(10 * time.Minute) // the pauses are as long as they get
		close(up)
		start := time.Now()
		if err := closeWithin(q, time.Second); err != nil {
			t.Error(err)
		}
		if have := len(to.received()); have != 100 || time.Since(start) != 0 {
			t.Errorf("have %d records after %v, want 100 at once", have, time.Since(start))
		}
	})
}

// When one sender finds the destination back, the others do not sleep on.
func TestAllSendersComeBackTogether(t *testing.T) {
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
		q := open(t, delivery.Config{BatchBytes: 100, Senders: 4}, to.send)
		addAll(q, names(100))
		for q.Stats().Sent == 0 {
			<-time.After(10 * time.Millisecond)
		}
		first := time.Now()
		<-time.After(time.Minute)
		flush(t, q)
		if have := len(to.received()); have != 100 || last.Sub(first) > 100*time.Millisecond {
			t.Errorf("have %d records, the last %v after the first, want 100 at once", have, last.Sub(first))
		}
	})
}

// Several batches are on their way at once, so that throughput is the destination's and not the round trip's.
func TestSeveralSendersUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := &destination{answer: func(context.Context, int, []string) error {
			<-time.After(200 * time.Millisecond)
			return nil
		}}
		q := open(t, delivery.Config{BatchBytes: 1000, Senders: 8}, to.send)
		start := time.Now()
		addAll(q, names(80*71)) // 80 batches of 71 records
		flush(t, q)
		if took := time.Since(start); took > 2200*time.Millisecond {
			t.Errorf("80 batches of 200 ms took %v, want about 2 s with 8 senders", took)
		}
	})
}

// The counters tell what happened, and balance all the time.
func TestSeen(t *testing.T) {
	to := &destination{answer: func(_ context.Context, attempt int, _ []string) error {
		if attempt%2 == 1 {
			return errDown
		}
		return nil
	}}
	q := open(t, delivery.Config{BatchBytes: 1000, MinBackoff: time.Millisecond, MaxBackoff: time.Millisecond}, to.send)
	stop := watch(t, q)
	var adding sync.WaitGroup
	for range 4 {
		adding.Go(func() { addAll(q, names(5000)) })
	}
	adding.Wait()
	flush(t, q)
	stop()
	s := balanced(t, q)
	var observed uint64
	for _, n := range s.Latency.Buckets {
		observed += n
	}
	if s.Sent != 20000 || s.Bytes != 20000*14 || s.Batches == 0 || s.Retried == 0 || s.QueueBytes != 0 ||
		s.Latency.Count != s.Batches+s.Retried || observed != s.Latency.Count {
		t.Errorf("have %+v, want 20000 records of 14 bytes sent", s)
	}
}

// A queue whose destination is down costs another nothing.
func TestFair(t *testing.T) {
	to := &destination{}
	dead, alive := open(t, delivery.Config{QueueBytes: 10000}, hang), open(t, delivery.Config{}, to.send)
	for _, r := range names(10000) {
		dead.Add([]byte(r))
		alive.Add([]byte(r))
	}
	flush(t, alive)
	if have := len(to.received()); have != 10000 {
		t.Errorf("have %d records, want 10000", have)
	}
	_ = closeWithin(dead, time.Millisecond)
}

// Memory stays within the bound and 32 MiB, and no goroutine is left, after ten minutes' worth of spans with the queue at
// its bound.
func TestSoak(t *testing.T) {
	const bound = 8 << 20
	goroutines, before := runtime.NumGoroutine(), heap()
	permits := make(chan struct{}, 1000)
	q := open(t, delivery.Config{QueueBytes: bound, MinBackoff: time.Microsecond, MaxBackoff: time.Microsecond},
		func(context.Context, delivery.Batch) error {
			select {
			case <-permits:
				return nil
			default:
				return errDown
			}
		})
	record := []byte(strings.Repeat("x", 300))
	most := uint64(0)
	for i := range 600000 { // 1,000 a second for ten minutes
		q.Add(record)
		if i%1500 == 0 { // half of it is taken
			permits <- struct{}{}
		}
		if i%20000 == 0 {
			most = max(most, heap())
			balanced(t, q)
		}
	}
	_ = closeWithin(q, 10*time.Millisecond)
	if most > before+bound+32<<20 {
		t.Errorf("have %d MiB more memory in use, want at most the bound of 8 and 32", (most-before)>>20)
	}
	if s := balanced(t, q); s.Dropped == 0 || s.Sent == 0 {
		t.Errorf("have %+v, want it to have been at its bound", s)
	}
	eventually(t, "no goroutine is left", func() bool { return runtime.NumGoroutine() <= goroutines })
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

func BenchmarkAdd(b *testing.B) {
	for _, size := range []int{100, 400} {
		b.Run(fmt.Sprint(size, " bytes"), func(b *testing.B) {
			q := open(b, delivery.Config{}, func(context.Context, delivery.Batch) error { return nil })
			record := make([]byte, size)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					q.Add(record)
				}
			})
			flush(b, q)
			b.ReportMetric(float64(q.Stats().Dropped)/float64(b.N), "dropped/op")
		})
	}
}

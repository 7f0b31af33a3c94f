package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"bookservice/tracer/delivery"
	"bookservice/tracer/tracertest/testkit"
)

// refusal is the error of a destination that refuses a batch.
func refusal(kind delivery.Kind) error {
	return &delivery.SendError{Kind: kind, Err: errors.New("400: wrong port")}
}

// kinds are those of a refusal.
var kinds = map[string]delivery.Kind{"400": delivery.Bisect, "413": delivery.Split}

// One malformed span among 1,000 costs at most 25 requests, wherever it is.
func TestRetriedInPartsCheaply(t *testing.T) {
	for name, kind := range kinds {
		for bad := 0; bad < 1000; bad += 37 {
			to := &destination{answer: func(_ context.Context, _ int, spans []string) error {
				if slices.Contains(spans, span(bad)) {
					return refusal(kind)
				}
				return nil
			}}
			q := newQueue(t, delivery.Config{}, to.send)
			all := spans(1000)
			addAll(q, all)
			_ = closeWithin(q, time.Minute)
			if have := to.attemptCount(); have > 25 {
				t.Errorf("%s for span %d: have %d requests, want 25 at most", name, bad, have)
			}
			if diff := cmp.Diff(slices.Delete(all, bad, bad+1), to.received()); diff != "" {
				t.Errorf("%s for span %d: -want +have\n%.1000s", name, bad, diff)
			}
		}
	}
}

// Malformed spans are dropped however many there are, as long as the destination accepts others.
func TestRetriedInPartsWithManyMalformed(t *testing.T) {
	testkit.Slow(t)
	for name, kind := range kinds {
		for _, every := range []int{2, 3, 5, 10, 50} {
			to := &destination{answer: func(_ context.Context, _ int, all []string) error {
				for i := 0; i < 1000; i += every {
					if slices.Contains(all, span(i)) {
						return refusal(kind)
					}
				}
				return nil
			}}
			q := newQueue(t, delivery.Config{Senders: 2, MaxBackoff: time.Millisecond}, to.send)
			stop := watchStats(t, q)
			addAll(q, spans(1000))
			testkit.Eventually(t, "all spans are sent or dropped", func() bool {
				q.Add([]byte("healthy"))
				s := q.Stats()
				return s.Dropped == uint64((1000+every-1)/every) && s.Queued < 100
			})
			stop()
			_ = closeWithin(q, time.Minute)
			s := stats(t, q)
			lost := s.DroppedBy[delivery.Refused] + s.DroppedBy[delivery.TooBig]
			if s.Dropped != lost {
				t.Errorf("%s, one of %d: have %+v, want only malformed spans lost", name, every, s)
			}
		}
	}
}

// A destination that refuses everything loses no span: the spans are kept, the destination gets few
// requests, its words are logged once, and when it accepts spans it gets all.
func TestRetriedWhenEverythingIsRefused(t *testing.T) {
	for name, kind := range kinds {
		for spool, dir := range map[string]string{"memory": "", "spool": t.TempDir()} {
			for _, senders := range []int{1, 8} {
				t.Run(fmt.Sprint(name, "/", spool, "/", senders), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						refusesEverything(t, kind, delivery.Config{Senders: senders, Spool: dir})
					})
				})
			}
		}
	}
}

func refusesEverything(t *testing.T, kind delivery.Kind, cfg delivery.Config) {
	var log testkit.Buffer
	var corrected atomic.Bool
	to := &destination{answer: func(context.Context, int, []string) error {
		if corrected.Load() {
			return nil
		}
		return refusal(kind)
	}}
	q, err := delivery.New(cfg, to.send, textLog(&log))
	if err != nil {
		t.Fatal(err)
	}
	all := spans(20000)
	for i, s := range all[:10000] {
		q.Add([]byte(s))
		if i%10 == 9 {
			<-time.After(2 * time.Millisecond)
		}
	}
	<-time.After(10 * time.Minute)
	const words = "400: wrong port"
	if n := strings.Count(log.String(), words); n == 0 || n > 3 {
		t.Errorf("have log\n%s\nwant the destination's words in it once or twice", log.String())
	}
	if s := stats(t, q); s.Dropped != 0 || s.Queued+s.Spooled != 10000 {
		t.Errorf("have %+v, want all spans kept", s)
	}
	// 10 minutes have 20 delays of 30 s. Each sender needs 10 shorter ones before. A batch is
	// halved three times in each delay, by one sender.
	if have, most := to.attemptCount(), 80+20*6+cfg.Senders*50; have > most {
		t.Errorf("have %d requests in 10 minutes, want %d at most", have, most)
	}
	corrected.Store(true)
	addAll(q, all[10000:])
	<-time.After(2 * time.Minute)
	if diff := cmp.Diff(all, to.received()); diff != "" {
		t.Errorf("-want +have\n%.1000s", diff)
	}
	flush(t, q)
}

// A refusal of everything in the middle of a process's life costs no span either.
func TestRetriedWhenEverythingIsRefusedForAWhile(t *testing.T) {
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var refuses atomic.Bool
				to := &destination{answer: func(context.Context, int, []string) error {
					<-time.After(10 * time.Millisecond)
					if refuses.Load() {
						return refusal(kind)
					}
					return nil
				}}
				q := newQueue(t, delivery.Config{}, to.send)
				all := spans(3000)
				for i, s := range all {
					refuses.Store(i/500%2 == 1)
					q.Add([]byte(s))
					<-time.After(10 * time.Millisecond)
				}
				refuses.Store(false)
				<-time.After(5 * time.Minute)
				if diff := cmp.Diff(all, to.received()); diff != "" {
					t.Errorf("-want +have\n%.1000s", diff)
				}
				flush(t, q)
			})
		})
	}
}

// A malformed span that is alone in its batch does not delay others. It is kept until the
// destination has accepted something else, and is then dropped.
func TestRetriedMalformedAlone(t *testing.T) {
	for name, kind := range kinds {
		for _, senders := range []int{1, 8} {
			t.Run(fmt.Sprint(name, "/", senders), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					to := &destination{answer: func(_ context.Context, _ int, all []string) error {
						if slices.Contains(all, "malformed") {
							return refusal(kind)
						}
						return nil
					}}
					q := newQueue(t, delivery.Config{Senders: senders}, to.send)
					for range 2 * senders {
						q.Add([]byte("malformed"))
						<-time.After(time.Second)
					}
					if s := stats(t, q); s.Dropped != 0 {
						t.Errorf("have %+v, want nothing dropped without evidence", s)
					}
					for i := range 20 {
						q.Add([]byte(span(i)))
						<-time.After(time.Second)
					}
					<-time.After(time.Minute)
					q.Add([]byte(span(20)))
					<-time.After(time.Minute)
					if s := stats(t, q); s.Sent != 21 || s.Dropped != uint64(2*senders) {
						t.Errorf("have %+v, want 21 sent and %d dropped", s, 2*senders)
					}
					if have := to.attemptCount(); have > 25+20*senders {
						t.Errorf("have %d requests", have)
					}
					flush(t, q)
				})
			})
		}
	}
}

// Close says how many of the spans that it flushed were refused, and keeps them in the spool.
func TestFlushedRefused(t *testing.T) {
	for name, dir := range map[string]string{"memory": "", "spool": t.TempDir()} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				send := func(context.Context, delivery.Batch) error {
					return refusal(delivery.Bisect)
				}
				q := newQueue(t, delivery.Config{Spool: dir}, send)
				addAll(q, spans(100))
				start := time.Now()
				have := fmt.Sprint(closeWithin(q, 5*time.Second))
				want := "100 spans lost: 400: wrong port"
				if dir != "" {
					want = "<nil>"
				}
				if have != want || time.Since(start) > 6*time.Second {
					t.Errorf("have %s after %v, want %s within 6 s", have, time.Since(start), want)
				}
				if s := stats(t, q); dir != "" && s.Spooled != 100 {
					t.Errorf("have %+v, want all spans in the spool", s)
				}
			})
		})
	}
	t.Run("counts", func(t *testing.T) {
		to := &destination{answer: func(_ context.Context, _ int, all []string) error {
			if slices.Contains(all, span(1)) {
				return refusal(delivery.Bisect)
			} else if slices.Contains(all, span(2)) {
				return &delivery.SendError{Kind: delivery.Split, Err: errors.New("413: too large")}
			}
			return nil
		}}
		q := newQueue(t, delivery.Config{}, to.send)
		addAll(q, spans(100))
		have := fmt.Sprint(closeWithin(q, time.Minute))
		if !strings.HasPrefix(have, "2 spans lost (1 refused, 1 too large): 4") {
			t.Errorf("have %s, want one span refused and one too large", have)
		}
	})
}

// A delay that the destination requests is limited to 5 minutes, wherever it comes from.
func TestRetriedWhenRequestedForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := &destination{answer: func(_ context.Context, attempt int, _ []string) error {
			if attempt == 1 {
				return &delivery.SendError{After: 1000 * time.Hour, Err: errDown}
			}
			return nil
		}}
		q := newQueue(t, delivery.Config{}, to.send)
		q.Add([]byte("a"))
		<-time.After(5*time.Minute + time.Second)
		if s := stats(t, q); s.Sent != 1 {
			t.Errorf("have %+v after 5 minutes, want the span sent", s)
		}
		flush(t, q)
	})
}

// Malformed spans in every batch cost only themselves, however many there are.
func TestRetriedInPartsWithMalformedInEachBatch(t *testing.T) {
	for name, kind := range kinds {
		for _, every := range []int{2, 3, 10, 50, 100} {
			t.Run(fmt.Sprint(name, " of one in ", every), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					to := &destination{answer: func(_ context.Context, _ int, all []string) error {
						<-time.After(time.Millisecond)
						for _, s := range all {
							if strings.HasPrefix(s, "malformed") {
								return refusal(kind)
							}
						}
						return nil
					}}
					q := newQueue(t, delivery.Config{}, to.send)
					const n = 5000
					var good []string
					for i := range n {
						s := span(i)
						if i%every == 0 {
							s = "malformed " + s
						} else {
							good = append(good, s)
						}
						q.Add([]byte(s))
						<-time.After(time.Millisecond)
					}
					<-time.After(10 * time.Minute)
					if diff := cmp.Diff(good, to.received()); diff != "" {
						t.Errorf("-want +have\n%.1000s", diff)
					}
					s := stats(t, q)
					if bad := uint64((n + every - 1) / every); s.Dropped+s.Queued != bad {
						t.Errorf("have %+v, want %d malformed", s, bad)
					}
					if have, most := to.attemptCount(), 100+20*n/every; have > most {
						t.Errorf("have %d requests, want %d at most", have, most)
					}
					_ = closeWithin(q, time.Second)
				})
			})
		}
	}
}

// A destination that refuses large batches in the words of malformed ones gets smaller ones.
func TestRetriedInPartsBelowALimit(t *testing.T) {
	for name, kind := range kinds {
		for _, limit := range []int{1, 10, 100} {
			synctest.Test(t, func(t *testing.T) {
				to := &destination{answer: func(_ context.Context, _ int, all []string) error {
					if len(all) > limit {
						return refusal(kind)
					}
					return nil
				}}
				q := newQueue(t, delivery.Config{}, to.send)
				all := spans(3000)
				addAll(q, all)
				<-time.After(10 * time.Minute)
				if diff := cmp.Diff(all, to.received()); diff != "" {
					t.Errorf("%s above %d spans: -want +have\n%.1000s", name, limit, diff)
				}
				flush(t, q)
			})
		}
	}
}

// Of two collectors behind one address, one refuses everything. Few spans are dropped: those that
// it alone gets each time.
func TestRetriedBehindABadReplica(t *testing.T) {
	for name, kind := range kinds {
		synctest.Test(t, func(t *testing.T) {
			to := &destination{answer: func(context.Context, int, []string) error {
				<-time.After(time.Millisecond)
				if rand.N(2) == 0 {
					return refusal(kind)
				}
				return nil
			}}
			q := newQueue(t, delivery.Config{}, to.send)
			for i := range 3000 {
				q.Add([]byte(span(i)))
				<-time.After(10 * time.Millisecond)
			}
			<-time.After(10 * time.Minute)
			s := stats(t, q)
			if s.Queued != 0 || s.Dropped > 3000/20 {
				t.Errorf("%s: have %+v, want at most 150 dropped", name, s)
			}
			_ = closeWithin(q, time.Second)
		})
	}
}

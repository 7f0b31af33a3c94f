package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"bookservice/tracer/delivery"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A destination accepts every batch for which answer returns nil.
type destination struct {
	answer func(ctx context.Context, attempt int, spans []string) error // nil accepts all batches

	mu       sync.Mutex
	attempts int
	accepted []string
}

func (d *destination) send(ctx context.Context, b delivery.Batch) error {
	var spans []string
	for s := range b.All() {
		spans = append(spans, string(s))
	}
	d.mu.Lock()
	d.attempts++
	attempt := d.attempts
	d.mu.Unlock()
	if b.Len() == 0 {
		return &delivery.SendError{Kind: delivery.Drop, Err: errors.New("empty batch")}
	}
	if string(b.Bytes()) != strings.Join(spans, "") || b.Len() != len(spans) {
		return fmt.Errorf("Bytes returns %q, All yields %q", b.Bytes(), spans)
	}
	if d.answer != nil {
		if err := d.answer(ctx, attempt, spans); err != nil {
			return err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.accepted = append(d.accepted, spans...)
	return nil
}

// received returns the accepted spans, sorted.
func (d *destination) received() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Sorted(slices.Values(d.accepted))
}

func (d *destination) attemptCount() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.attempts
}

// A toggle is a destination's answer: it fails with errDown until it is switched on.
type toggle chan struct{}

func (c toggle) on() { close(c) }

func (c toggle) answer(context.Context, int, []string) error {
	select {
	case <-c:
		return nil
	default:
		return errDown
	}
}

var errDown = errors.New("connection refused")

// down is a SendFunc that fails at once.
func down(context.Context, delivery.Batch) error { return errDown }

// hang is a SendFunc that returns when its context ends.
func hang(ctx context.Context, _ delivery.Batch) error {
	<-ctx.Done()
	return ctx.Err()
}

// newQueue returns a queue without a log.
func newQueue(t testing.TB, cfg delivery.Config, send delivery.SendFunc) *delivery.Queue {
	t.Helper()
	q, err := delivery.New(cfg, send, nil)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// textLog returns a logger that writes text to w.
func textLog(w interface{ Write([]byte) (int, error) }) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, nil))
}

// spans returns n different encoded spans in ascending order.
func spans(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = span(i)
	}
	return all
}

// spanSize is the length of span(i).
const spanSize = 12

func span(i int) string { return fmt.Sprintf("span %06d;", i) }

func addAll(q *delivery.Queue, spans []string) {
	for _, s := range spans {
		q.Add([]byte(s))
	}
}

// stats returns the counters of q after checking their sums.
func stats(t testing.TB, q *delivery.Queue) delivery.Stats {
	t.Helper()
	s := q.Stats()
	if s.Added != s.Sent+s.Queued+s.Spooled+s.Dropped {
		t.Errorf("have %+v, want Added = Sent + Queued + Spooled + Dropped", s)
	}
	var byReason uint64
	for reason, n := range s.DroppedBy {
		byReason += n
		if n == 0 {
			t.Errorf("have %q with 0 spans in DroppedBy, want only reasons that occurred", reason)
		}
	}
	if byReason != s.Dropped {
		t.Errorf("have %+v, want Dropped to be the sum of DroppedBy", s)
	}
	return s
}

// watchStats calls stats every millisecond until stop is called.
func watchStats(t testing.TB, q *delivery.Queue) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				stats(t, q)
			}
		}
	}()
	return func() { close(done); <-ended }
}

// flush closes q with a limit of one minute.
func flush(t testing.TB, q *delivery.Queue) {
	t.Helper()
	if err := closeWithin(q, time.Minute); err != nil {
		t.Error(err)
	}
}

func closeWithin(q *delivery.Queue, d time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	return q.Close(ctx)
}

// waitFor fails the test if f does not return within 30 s.
func waitFor(t testing.TB, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { f(); close(done) }()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatalf("not within 30 s: %s", what)
	}
}

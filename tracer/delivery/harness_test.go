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

var quiet = slog.New(slog.DiscardHandler)

// lines are what a queue has logged, and may be read while it is open.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// A destination takes batches, unless answer has an error for one.
type destination struct {
	answer func(ctx context.Context, attempt int, records []string) error // may be nil

	mu       sync.Mutex
	attempts int
	got      []string
}

func (d *destination) send(ctx context.Context, b delivery.Batch) error {
	var records []string
	for r := range b.All() {
		records = append(records, string(r))
	}
	d.mu.Lock()
	d.attempts++
	attempt := d.attempts
	d.mu.Unlock()
	if string(b.Bytes()) != strings.Join(records, "") || b.Len() != len(records) {
		return fmt.Errorf("the batch's records %q are not its bytes %q", records, b.Bytes())
	}
	if d.answer != nil {
		if err := d.answer(ctx, attempt, records); err != nil {
			return err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.got = append(d.got, records...)
	return nil
}

// received returns what has arrived, sorted.
func (d *destination) received() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Sorted(slices.Values(d.got))
}

func (d *destination) made() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.attempts
}

func open(t testing.TB, cfg delivery.Config, send delivery.SendFunc) *delivery.Queue {
	t.Helper()
	q, err := delivery.New(cfg, send, quiet)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// names returns n different records.
func names(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = record(i)
	}
	return all
}

func record(i int) string { return fmt.Sprintf("record %06d;", i) }

func addAll(q *delivery.Queue, records []string) {
	for _, r := range records {
		q.Add([]byte(r))
	}
}

// balanced checks that every record is accounted for.
func balanced(t testing.TB, q *delivery.Queue) delivery.Stats {
	t.Helper()
	s := q.Stats()
	if s.Added != s.Sent+s.Queued+s.Spooled+s.Dropped {
		t.Errorf("have %+v: added must be sent + queued + spooled + dropped", s)
	}
	var byReason uint64
	for _, n := range s.DroppedBy {
		byReason += n
	}
	if byReason != s.Dropped {
		t.Errorf("have %+v: dropped must be the sum of its reasons", s)
	}
	return s
}

// watch checks the balance all the time, until the returned function is called.
func watch(t testing.TB, q *delivery.Queue) (stop func()) {
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
				balanced(t, q)
			}
		}
	}()
	return func() { close(done); <-ended }
}

// flush closes the queue with a minute to do so.
func flush(t testing.TB, q *delivery.Queue) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := q.Close(ctx); err != nil {
		t.Error(err)
	}
}

func closeWithin(q *delivery.Queue, d time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	return q.Close(ctx)
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for limit := time.Now().Add(30 * time.Second); !ok(); <-tick.C {
		if time.Now().After(limit) {
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}

var errDown = errors.New("connection refused")

// down is a destination that refuses everything.
func down(context.Context, delivery.Batch) error { return errDown }

// hang answers nobody before it has to.
func hang(ctx context.Context, _ delivery.Batch) error {
	<-ctx.Done()
	return ctx.Err()
}

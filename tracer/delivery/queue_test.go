package delivery_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"bookservice/tracer/delivery"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

// balanced checks that every record is accounted for.
func balanced(t *testing.T, q *delivery.Queue) delivery.Stats {
	t.Helper()
	s := q.Stats()
	if s.Added != s.Sent+s.Queued+s.Dropped {
		t.Errorf("have %+v: added must be sent + queued + dropped", s)
	}
	return s
}

func TestRetriedUntilTaken(t *testing.T) {
	var got strings.Builder
	tries := 0
	q := delivery.New(delivery.Config{MinBackoff: time.Millisecond}, func(_ context.Context, b []byte, _ int) error {
		if tries++; tries < 5 {
			return errors.New("not now")
		}
		got.Write(b)
		return nil
	}, quiet)
	var want strings.Builder
	for i := range 26 {
		q.Add([]byte{byte('a' + i)})
		want.WriteByte(byte('a' + i))
		balanced(t, q)
	}
	if err := q.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got.String() != want.String() {
		t.Errorf("have %q, want %q", got.String(), want.String())
	}
	if s := balanced(t, q); s.Sent != 26 {
		t.Errorf("have %+v, want 26 sent", s)
	}
}

func TestBoundedAndNeverInTheWay(t *testing.T) {
	q := delivery.New(delivery.Config{QueueBytes: 1000, BatchBytes: 100}, func(ctx context.Context, _ []byte, _ int) error {
		<-ctx.Done() // a destination that hangs
		return ctx.Err()
	}, quiet)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 1000 {
				q.Add(make([]byte, 10))
			}
		})
	}
	wg.Wait()
	if s := balanced(t, q); s.Queued != 100 || s.Dropped != 3900 {
		t.Errorf("have %+v, want 100 queued and 3900 dropped", s)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	for range 3 {
		wg.Go(func() {
			err := q.Close(ctx)
			if err == nil || !strings.HasPrefix(err.Error(), "100 spans lost: ") || !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
				t.Errorf("have %v, want 100 spans lost", err)
			}
		})
	}
	wg.Wait()
	q.Add([]byte("late"))
	if s := balanced(t, q); s.Dropped != 4001 || s.Queued != 0 {
		t.Errorf("have %+v, want 4001 dropped", s)
	}
}

func TestWhatIsRefusedForGoodIsDropped(t *testing.T) {
	q := delivery.New(delivery.Config{BatchBytes: 1}, func(_ context.Context, b []byte, _ int) error {
		if string(b) == "bad" {
			return delivery.Permanent(errors.New("400"))
		}
		return nil
	}, quiet)
	for _, r := range []string{"good", "bad", "fine"} {
		q.Add([]byte(r))
	}
	if err := q.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := balanced(t, q); s.Sent != 2 || s.Dropped != 1 {
		t.Errorf("have %+v, want 2 sent and 1 dropped", s)
	}
}

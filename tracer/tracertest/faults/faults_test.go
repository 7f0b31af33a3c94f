package faults_test

import (
	"flag"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"bookservice/tracer"
	"bookservice/tracer/delivery"
	"bookservice/tracer/tracertest/faults"
	"bookservice/tracer/tracertest/testkit"
)

func TestMain(m *testing.M) {
	// These tests mostly wait, so they run at once on any machine.
	if err := flag.Set("test.parallel", "16"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

var quiet = slog.New(slog.DiscardHandler)

// counters describes the tracer's counters after a fault. No fault loses a span.
type counters struct {
	retried    bool   // at least one attempt was retried
	refused    uint64 // spans that were dropped because the collector refused them
	divided    bool   // batches were divided
	recovered  bool   // all spans were recovered from the spool by the second tracer
	duplicates bool   // spans may arrive twice, because an answer to a successful request was lost
}

var wantCounters = map[string]counters{
	"none":                               {},
	"connections refused for 5 s":        {retried: true},
	"500 for 5 s":                        {retried: true},
	"503 for 5 s":                        {retried: true},
	"429 with Retry-After for 5 s":       {retried: true},
	"400 for one poisoned span":          {refused: 1, divided: true},
	"413 for more than 100 KiB":          {divided: true},
	"no answer for 6 s":                  {retried: true, duplicates: true},
	"connections reset mid-body for 5 s": {retried: true},
	"half an answer for 5 s":             {retried: true, duplicates: true},
	"200 ms an answer, 20,000 spans/s":   {},
	"down for the whole run, then up":    {recovered: true},
}

// TestNoFaultLosesASpan checks that every finished span arrives, and the counters.
func TestNoFaultLosesASpan(t *testing.T) {
	testkit.Slow(t)
	for _, f := range faults.All() {
		want, ok := wantCounters[f.Name]
		if !ok {
			t.Fatalf("%q: have no expected counters", f.Name)
		}
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			// Enough on a busy machine. Package delivery tests the flush timeout.
			flush := time.Minute
			if f.Restart { // the first tracer cannot flush
				flush = 10 * time.Second
			}
			if !testkit.RaceDetector { // .ci/run uses the race detector, and the full durations
				f.Load, f.Lasts, flush = f.Load/5, f.Lasts/2, flush/5
			}
			m := &tracer.Metrics{}
			stop := watchSum(t, m)
			r, err := faults.Run(t.Context(), f,
				faults.Ours(flush, tracer.WithMetrics(m), tracer.WithLogger(quiet)))
			stop()
			if err != nil {
				t.Fatal(err)
			}
			if r.Finished != f.Spans() || r.Lost() != 0 {
				t.Errorf("have %d of %d spans arrived, want all", r.Arrived, r.Finished)
			}
			// The refused spans are malformed. Close counts those that it flushed.
			if r.Close != nil && (want.refused == 0 || !strings.Contains(r.Close.Error(),
				fmt.Sprintf("%d spans lost (%[1]d refused)", want.refused))) {
				t.Error(r.Close)
			}
			if r.Duplicated > 0 && !want.duplicates {
				t.Errorf("have %d spans arrived twice, want none", r.Duplicated)
			}
			want.check(t, f, m.Stats())
		})
	}
}

func (want counters) check(t *testing.T, f faults.Fault, s tracer.Stats) {
	t.Helper()
	d, spans := s.Sinks["zipkin"], uint64(f.Spans())
	if d.Added != spans+want.refused || d.Sent != spans || d.Queued+d.Spooled != 0 {
		t.Errorf("have %+v, want %d spans sent and none queued or spooled", d, spans)
	}
	if d.Dropped != want.refused || d.DroppedBy[delivery.Refused] != want.refused {
		t.Errorf("have %d dropped, by reason %v, want %d refused",
			d.Dropped, d.DroppedBy, want.refused)
	}
	if (d.Retried > 0) != want.retried {
		t.Errorf("have %d retries, want some: %v", d.Retried, want.retried)
	}
	if full := d.Bytes / (256 << 10); want.divided && d.Batches <= full {
		t.Errorf("have %d batches of %d bytes, want them divided", d.Batches, d.Bytes)
	}
	if (d.Recovered == spans) != want.recovered || !want.recovered && s.Finished != d.Added {
		t.Errorf("have %d of %d spans recovered, want all: %v", d.Recovered, spans, want.recovered)
	}
	if d.Latency.Count < d.Batches+d.Retried {
		t.Errorf("have %d attempts in the histogram, want at least %d successful and %d failed",
			d.Latency.Count, d.Batches, d.Retried)
	}
}

// watchSum checks, until stop is called, that Added = Sent + Queued + Spooled + Dropped.
func watchSum(t *testing.T, m *tracer.Metrics) (stop func()) {
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-done:
				return
			case <-time.After(5 * time.Millisecond):
			}
			d := m.Stats().Sinks["zipkin"]
			if d.Added != d.Sent+d.Queued+d.Spooled+d.Dropped {
				t.Errorf("have %+v, want Added = Sent + Queued + Spooled + Dropped", d)
				return
			}
		}
	}()
	return func() { close(done); <-stopped }
}

func TestNamesAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range faults.All() {
		if seen[f.Name] || strings.TrimSpace(f.Name) == "" {
			t.Errorf("have name %q twice, or empty", f.Name)
		}
		seen[f.Name] = true
	}
}

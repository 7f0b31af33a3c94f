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
)

func TestMain(m *testing.M) {
	// These tests wait more than they work: all at once, however small the machine.
	if err := flag.Set("test.parallel", "16"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

var quiet = slog.New(slog.DiscardHandler)

// story is what the counters tell of a fault in the end, beside that nothing was lost.
type story struct {
	retried bool // at least once
	refused uint64
	divided bool // into more batches than there would have been
	atDisk  bool // found by the tracer that came after
	repeats bool // the collector may get a span again whose first answer it could not give
}

var stories = map[string]story{
	"none":                               {},
	"connections refused for 5 s":        {retried: true},
	"500 for 5 s":                        {retried: true},
	"503 for 5 s":                        {retried: true},
	"429 with Retry-After for 5 s":       {retried: true},
	"400 for one poisoned span":          {refused: 1, divided: true},
	"413 for more than 100 KiB":          {divided: true},
	"no answer for 6 s":                  {retried: true, repeats: true},
	"connections reset mid-body for 5 s": {retried: true},
	"half an answer for 5 s":             {retried: true, repeats: true},
	"200 ms an answer, 20,000 spans/s":   {},
	"down for the whole run, then up":    {atDisk: true},
}

// No finished span is lost, whatever the collector does, and the counters tell the story.
func TestNothingIsLost(t *testing.T) {
	for _, f := range faults.All() {
		want, ok := stories[f.Name]
		if !ok {
			t.Fatalf("no story for %q", f.Name)
		}
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			flush := time.Minute // ample: that Close keeps its time is delivery's to show, and a busy machine needs more
			if f.Restart {       // the first tracer has nobody to flush to
				flush = 10 * time.Second
			}
			if !raceDetector { // the quick loop; with it, as in .ci/run, faults last as long as their names say
				f.Load, f.Lasts, flush = f.Load/5, f.Lasts/5, flush/5
			}
			m := &tracer.Metrics{}
			stop := watch(t, m)
			r, err := faults.Run(t.Context(), f, faults.Ours(flush, tracer.WithMetrics(m), tracer.WithLogger(quiet)))
			stop()
			if err != nil {
				t.Fatal(err)
			}
			if r.Close != nil || r.Finished != f.Spans() || r.Lost() != 0 {
				t.Errorf("have %d of %d spans arrived, and %v, want all", r.Arrived, r.Finished, r.Close)
			}
			if r.Twice > 0 && !want.repeats {
				t.Errorf("have %d spans arrived twice, want none", r.Twice)
			}
			want.check(t, f, m.Stats())
		})
	}
}

func (want story) check(t *testing.T, f faults.Fault, s tracer.Stats) {
	t.Helper()
	d, spans := s.Sinks["zipkin"], uint64(f.Spans())
	if d.Added != spans+want.refused || d.Sent != spans || d.Queued+d.Spooled != 0 {
		t.Errorf("have %+v, want %d spans sent, and none left", d, spans)
	}
	if d.Dropped != want.refused || d.DroppedBy[delivery.Refused] != want.refused {
		t.Errorf("have %d dropped, by reason %v, want %d that were refused", d.Dropped, d.DroppedBy, want.refused)
	}
	if (d.Retried > 0) != want.retried {
		t.Errorf("have %d retries, want some: %v", d.Retried, want.retried)
	}
	if full := d.Bytes / (256 << 10); want.divided && d.Batches <= full {
		t.Errorf("have %d batches of %d bytes, want them divided", d.Batches, d.Bytes)
	}
	if (d.Recovered == spans) != want.atDisk || !want.atDisk && s.Finished != d.Added {
		t.Errorf("have %d of %d spans recovered, want all: %v", d.Recovered, spans, want.atDisk)
	}
	if d.Latency.Count < d.Batches+d.Retried {
		t.Errorf("have %d attempts timed, want the %d that succeeded and the %d that did not", d.Latency.Count, d.Batches, d.Retried)
	}
}

// watch checks until it is stopped that at every moment each span is somewhere.
func watch(t *testing.T, m *tracer.Metrics) (stop func()) {
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
				t.Errorf("have %+v, want each span that was added to be somewhere", d)
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
			t.Errorf("have %q twice, or empty", f.Name)
		}
		seen[f.Name] = true
	}
}

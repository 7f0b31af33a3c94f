package delivery_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"bookservice/tracer/delivery"
	"bookservice/tracer/tracertest/testkit"
)

// spoolFiles returns the paths of the files that hold spans, oldest first.
func spoolFiles(t *testing.T, dir string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.spans"))
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// sizeOf returns the total size of the files.
func sizeOf(t *testing.T, paths []string) (size int64) {
	t.Helper()
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
	}
	return size
}

// fillSpool writes spans to the spool in dir: their destination is down.
func fillSpool(t *testing.T, dir string, spans []string) {
	t.Helper()
	q := newQueue(t, delivery.Config{Spool: dir, BatchBytes: 1000, Senders: 2}, down)
	stop := watchStats(t, q)
	addAll(q, spans)
	if err := closeWithin(q, 50*time.Millisecond); err != nil {
		t.Errorf("have %v, want no lost spans", err)
	}
	stop()
	s := stats(t, q)
	if s.Spooled != uint64(len(spans)) || s.Queued != 0 || s.Dropped != 0 {
		t.Errorf("have %+v, want all %d spooled", s, len(spans))
	}
	if size := sizeOf(t, spoolFiles(t, dir)); s.SpoolBytes != size || s.QueueBytes != 0 {
		t.Errorf("have %+v, want %d bytes on disk and none in memory", s, size)
	}
}

// sendSpool opens the spool in dir with a destination that accepts all spans, and returns them.
func sendSpool(t *testing.T, dir string, log *slog.Logger) ([]string, delivery.Stats) {
	t.Helper()
	to := &destination{}
	q, err := delivery.New(delivery.Config{Spool: dir, BatchBytes: 1000}, to.send, log)
	if err != nil {
		t.Fatal(err)
	}
	stop := watchStats(t, q)
	flush(t, q)
	stop()
	return to.received(), stats(t, q)
}

// A span older than SpoolSync has been sent or is on disk, even before the first attempt has
// failed. The test's clock does not run during disk operations.
func TestDurable(t *testing.T) {
	for name, send := range map[string]delivery.SendFunc{"down": down, "hang": hang} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				q := newQueue(t, delivery.Config{Spool: dir, BatchBytes: 1000, Senders: 2}, send)
				all := spans(2000) // more than the senders take
				for i, s := range all {
					q.Add([]byte(s))
					<-time.After(time.Millisecond)
					if i%400 != 399 {
						continue
					}
					synctest.Wait()
					// The files as they would be if the process was killed now.
					snapshot := filepath.Join(t.TempDir(), "copy")
					if err := os.CopyFS(snapshot, os.DirFS(dir)); err != nil {
						t.Fatal(err)
					}
					have, _ := sendSpool(t, snapshot, nil)
					older := i + 1 - 100
					if len(have) < older || !slices.Equal(have, all[:len(have)]) {
						t.Errorf("after %d ms: have %d spans on disk, want the first %d or more",
							i+1, len(have), older)
					}
				}
				if err := closeWithin(q, time.Second); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// SpoolSync holds for many batches that are added at once.
func TestDurableBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := delivery.Config{Spool: t.TempDir(), BatchBytes: 100, Senders: 2}
		q := newQueue(t, cfg, hang)
		addAll(q, spans(500))
		<-time.After(100 * time.Millisecond)
		synctest.Wait()
		if s := stats(t, q); s.Spooled != 500 {
			t.Errorf("have %+v, want all 500 spooled", s)
		}
		_ = closeWithin(q, 0)
	})
}

// A destination that accepts spans in time causes no disk operations.
func TestDurableWithoutNeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, to := t.TempDir(), &destination{}
		fs := &powerFS{fail: func(op, file string) error {
			t.Errorf("have %s %s, want no disk operation", op, file)
			return nil
		}}
		q := newFaultyQueue(t, delivery.Config{Spool: dir}, to.send, nil, fs)
		for _, s := range spans(1000) {
			q.Add([]byte(s))
			<-time.After(time.Millisecond)
			if found := spoolFiles(t, dir); len(found) > 0 {
				t.Fatalf("have %v, want no file", found)
			}
		}
		flush(t, q)
	})
}

// With a spool, a batch is sent after BatchAge or after half of SpoolSync, whichever is less.
func TestDurableBatchAge(t *testing.T) {
	const ms = time.Millisecond
	for _, test := range []struct{ batchAge, spoolSync, want time.Duration }{
		{0, 0, 50 * ms}, {10 * ms, 0, 10 * ms}, {40 * ms, 20 * ms, 10 * ms},
	} {
		synctest.Test(t, func(t *testing.T) {
			start, took := time.Now(), time.Duration(0)
			q := newQueue(t, delivery.Config{
				Spool: t.TempDir(), BatchAge: test.batchAge, SpoolSync: test.spoolSync,
			}, func(context.Context, delivery.Batch) error {
				took = time.Since(start)
				return nil
			})
			q.Add([]byte("a"))
			<-time.After(time.Second)
			flush(t, q)
			if took != test.want {
				t.Errorf("%+v: the span was sent after %v", test, took)
			}
		})
	}
}

// The spans on disk are sent first after a restart, unchanged. Then the spool is empty.
func TestDurableAfterRestart(t *testing.T) {
	dir, want := t.TempDir(), spans(1000)
	fillSpool(t, dir, want)
	have, s := sendSpool(t, dir, nil)
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("-want +have\n%s", diff)
	}
	left := spoolFiles(t, dir)
	if s.Recovered != 1000 || s.Sent != 1000 || s.SpoolBytes != 0 || len(left) != 0 {
		t.Errorf("have %+v and %v, want all recovered and sent, and no file", s, left)
	}
}

// After a restart without the destination, new files do not replace the old ones.
func TestDurableAfterTwoRestarts(t *testing.T) {
	dir, want := t.TempDir(), spans(1000)
	fillSpool(t, dir, want[:300])
	var log testkit.Buffer
	q, err := delivery.New(delivery.Config{Spool: dir, BatchBytes: 1000}, down, textLog(&log))
	if err != nil {
		t.Fatal(err)
	}
	addAll(q, want[300:])
	if err := closeWithin(q, 50*time.Millisecond); err != nil {
		t.Error(err)
	}
	s := stats(t, q)
	if s.Spooled != 1000 || s.SpoolBytes != sizeOf(t, spoolFiles(t, dir)) || s.QueueBytes != 0 {
		t.Errorf("have %+v, want all 1000 spooled", s)
	}
	for _, line := range []string{
		`msg="spans found in the spool" spans=300`, `msg="spans left in the spool" spans=1000`,
	} {
		if !strings.Contains(log.String(), line) {
			t.Errorf("have %q, want %q in it", log.String(), line)
		}
	}
	have, _ := sendSpool(t, dir, nil)
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("-want +have\n%s", diff)
	}
}

// A file that is not full is sent too.
func TestDurableSmallFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := make(toggle)
		to := &destination{answer: up.answer}
		q := newQueue(t, delivery.Config{Spool: t.TempDir(), Senders: 1}, to.send)
		all := spans(20)
		for _, part := range [][]string{all[:10], all[10:]} { // the sender's file; a file with room
			addAll(q, part)
			<-time.After(time.Second)
		}
		if s := stats(t, q); s.Spooled != 20 {
			t.Errorf("have %+v, want 20 spooled", s)
		}
		up.on()
		<-time.After(time.Minute)
		if s := stats(t, q); s.Sent != 20 {
			t.Errorf("have %+v, want 20 sent before Close", s)
		}
		flush(t, q)
	})
}

// A SpoolSync below the resolution of a timer is accepted.
func TestShortSpoolSync(t *testing.T) {
	to := &destination{}
	q := newQueue(t, delivery.Config{Spool: t.TempDir(), SpoolSync: 1}, to.send)
	addAll(q, spans(10))
	flush(t, q)
	if have := len(to.received()); have != 10 {
		t.Errorf("have %d spans, want 10", have)
	}
}

// During an outage all spans are on disk. Afterwards all of them are sent, and new ones are sent
// from memory.
func TestDurableOutage(t *testing.T) {
	dir := t.TempDir()
	up := make(toggle)
	to := &destination{answer: up.answer}
	q := newQueue(t, delivery.Config{Spool: dir, BatchBytes: 1000, BatchAge: 10 * time.Millisecond,
		SpoolSync: time.Millisecond, MaxBackoff: 20 * time.Millisecond}, to.send)
	stop := watchStats(t, q)
	want := spans(3000)
	addAll(q, want[:1500])
	testkit.Eventually(t, "all spans are on disk",
		func() bool { return q.Stats().Spooled == 1500 })
	addAll(q, want[1500:2900])
	testkit.Eventually(t, "later spans are on disk too",
		func() bool { return q.Stats().Spooled == 2900 })
	up.on()
	testkit.Eventually(t, "all spans are sent", func() bool { return q.Stats().Sent == 2900 })
	testkit.Eventually(t, "no file is left", func() bool { return len(spoolFiles(t, dir)) == 0 })
	addAll(q, want[2900:])
	flush(t, q)
	stop()
	if diff := cmp.Diff(want, to.received()); diff != "" {
		t.Errorf("-want +have\n%.1000s", diff)
	}
}

// Two processes cannot use the same spool.
func TestDurableLock(t *testing.T) {
	dir := t.TempDir()
	q := newQueue(t, delivery.Config{Spool: dir}, down)
	_, err := delivery.New(delivery.Config{Spool: dir}, down, nil)
	if want := "spool " + dir + ": in use by another process"; err == nil || err.Error() != want {
		t.Errorf("have %v, want %s", err, want)
	}
	flush(t, q)
	flush(t, newQueue(t, delivery.Config{Spool: dir}, down))
}

// New reports a folder that it cannot use.
func TestSpoolFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := delivery.New(delivery.Config{Spool: path}, down, nil)
	if err == nil || !strings.HasPrefix(err.Error(), "spool: ") ||
		!strings.Contains(err.Error(), path) {
		t.Errorf("have %v, want an error of the spool that names %s", err, path)
	}
	dir := t.TempDir()
	lock := filepath.Join(dir, "lock")
	if err := os.Mkdir(lock, 0o700); err != nil {
		t.Fatal(err)
	}
	_, err = delivery.New(delivery.Config{Spool: dir}, down, nil)
	if err == nil || !strings.HasPrefix(err.Error(), "spool: ") ||
		!strings.Contains(err.Error(), lock) {
		t.Errorf("have %v, want an error of the spool that names %s", err, lock)
	}
}

// Files that are not the spool's are neither read nor changed.
func TestSpoolForeignFiles(t *testing.T) {
	dir := t.TempDir()
	foreign := []string{"notes.txt", "x.spans", "0000000000000001.spans.old"}
	for _, name := range foreign {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var log testkit.Buffer
	have, s := sendSpool(t, dir, textLog(&log))
	if len(have) != 0 || s.Added != 0 || log.String() != "" {
		t.Errorf("have %q, %+v and log %q, want no spans", have, s, log.String())
	}
	for _, name := range foreign {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || string(data) != "mine" {
			t.Errorf("%s: have %q, %v, want it unchanged", name, data, err)
		}
	}
}

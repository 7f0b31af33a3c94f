package delivery_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
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

// runUntilKilled is the child process of TestDurableWhenKilled. It spools spans and prints their
// number.
func runUntilKilled(dir string, send delivery.SendFunc) {
	cfg := delivery.Config{Spool: dir, BatchBytes: 1000, SpoolSync: 10 * time.Millisecond}
	q, err := delivery.New(cfg, send, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := range 1 << 20 {
		q.Add([]byte(span(i)))
		if i%100 == 99 {
			for q.Stats().Spooled <= uint64(i) {
				<-time.After(time.Millisecond)
			}
			fmt.Println(i + 1)
		}
	}
}

// A process that is killed during an outage loses no spooled span.
func TestDurableWhenKilled(t *testing.T) {
	const variable = "DELIVERY_TEST_SPOOL"
	outages := map[string]delivery.SendFunc{"down": down, "hang": hang}
	if dir := os.Getenv(variable); dir != "" {
		runUntilKilled(dir, outages[filepath.Base(dir)])
		return
	}
	for name := range outages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), name)
			child := exec.Command(os.Args[0], "-test.run", "^TestDurableWhenKilled$")
			child.Env = append(os.Environ(), variable+"="+dir)
			spooled := killAfter(t, child, 2000)
			have, _ := sendSpool(t, dir, nil)
			if len(have) < spooled {
				t.Fatalf("have %d spans, want the %d that were on disk", len(have), spooled)
			}
			if diff := cmp.Diff(spans(len(have)), have); diff != "" {
				t.Errorf("-want +have\n%.1000s", diff)
			}
		})
	}
}

// killAfter starts child and kills it when it has printed atLeast or a larger number. It returns
// the last number.
func killAfter(t *testing.T, child *exec.Cmd, atLeast int) (number int) {
	t.Helper()
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); number < atLeast && lines.Scan(); {
		if _, err := fmt.Sscan(lines.Text(), &number); err != nil {
			t.Errorf("the process printed %q", lines.Text())
			break
		}
	}
	if err := child.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = child.Wait()
	if number < atLeast {
		t.Fatalf("the process ended after %d spans, want %d", number, atLeast)
	}
	return number
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

// frameSize is the size of span(i) in a file: 8 bytes of header, then the span.
const frameSize = 8 + spanSize

// spansOf returns the spans in the content of an undamaged file.
func spansOf(data []byte) (spans []string) {
	for frame := range slices.Chunk(data, frameSize) {
		spans = append(spans, string(frame[8:]))
	}
	return spans
}

// A damage is done to a file of the spool.
type damage struct {
	do      func(b []byte) []byte // to the content of the file
	lost    func(n int) []int     // the indexes of the lost spans in a file of n spans
	regions int                   // the number of damaged regions
	bytes   int                   // the size of all damaged regions, or -1 for the whole file
}

func damages() map[string]damage {
	return map[string]damage{
		"none": {
			func(b []byte) []byte { return b },
			func(int) []int { return nil }, 0, 0},
		"truncated": {
			func(b []byte) []byte { return b[:len(b)-3] },
			func(n int) []int { return []int{n - 1} }, 1, frameSize - 3},
		"truncated between spans": {
			func(b []byte) []byte { return b[:len(b)-2*frameSize] },
			func(n int) []int { return []int{n - 2, n - 1} }, 0, 0},
		"flipped bit": {
			func(b []byte) []byte { b[9*frameSize+10] ^= 1; return b },
			func(int) []int { return []int{9} }, 1, frameSize},
		"two flipped bits": {
			func(b []byte) []byte { b[3*frameSize+8] ^= 1; b[9*frameSize+5] ^= 128; return b },
			func(int) []int { return []int{3, 9} }, 2, 2 * frameSize},
		"length": {
			func(b []byte) []byte { b[0] = 0xff; return b },
			func(int) []int { return []int{0} }, 1, frameSize},
		"zeros": {
			func(b []byte) []byte { clear(b[5*frameSize : 7*frameSize+10]); return b },
			func(int) []int { return []int{5, 6, 7} }, 1, 3 * frameSize},
		"garbage between spans": {
			func(b []byte) []byte { return slices.Insert(b, 7*frameSize, []byte("garbage")...) },
			func(int) []int { return nil }, 1, 7},
		"garbage within a span": {
			func(b []byte) []byte { return slices.Insert(b, 7*frameSize+10, []byte("garbage")...) },
			func(int) []int { return []int{7} }, 1, frameSize + 7},
		"torn end": {
			func(b []byte) []byte { return append(b, 9, 0, 0, 0, 1, 2) },
			func(int) []int { return nil }, 1, 6},
		"overwritten": {
			func(b []byte) []byte { return bytes.Repeat([]byte{0xff}, len(b)) },
			indexes, 1, -1},
		"emptied": {
			func([]byte) []byte { return nil },
			indexes, 0, 0},
	}
}

// indexes returns 0 to n-1.
func indexes(n int) (all []int) {
	for i := range n {
		all = append(all, i)
	}
	return all
}

// damageFile replaces the content of a file, and returns the lost spans and the size of the file
// before.
func damageFile(t *testing.T, damage damage, path string) (lost []string, size int) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	all := spansOf(data)
	for _, i := range damage.lost(len(all)) {
		lost = append(lost, all[i])
	}
	size = len(data)
	if err := os.WriteFile(path, damage.do(data), 0o600); err != nil {
		t.Fatal(err)
	}
	return lost, size
}

// without returns the spans that are not in lost.
func without(spans, lost []string) []string {
	return slices.DeleteFunc(slices.Clone(spans), func(s string) bool {
		return slices.Contains(lost, s)
	})
}

// Damage that New finds loses only the damaged spans. It is logged, and each damaged region counts
// as one dropped span.
func TestDurableDamage(t *testing.T) {
	for name, test := range damages() {
		t.Run(name, func(t *testing.T) {
			dir, all := t.TempDir(), spans(500)
			fillSpool(t, dir, all)
			path := spoolFiles(t, dir)[1]
			lost, size := damageFile(t, test, path)
			var log testkit.Buffer
			have, s := sendSpool(t, dir, textLog(&log))
			if diff := cmp.Diff(without(all, lost), have); diff != "" {
				t.Errorf("-want +have\n%.1000s", diff)
			}
			regions, sent := uint64(test.regions), uint64(len(have))
			if s.DroppedBy[delivery.SpoolDamaged] != regions || s.Dropped != regions ||
				s.Recovered != sent || s.Sent != sent || s.Added != sent+regions {
				t.Errorf("have %+v, want %d recovered and sent, and %d damaged",
					s, sent, regions)
			}
			if s.QueueBytes != 0 || s.SpoolBytes != 0 {
				t.Errorf("have %+v, want no bytes in memory and on disk", s)
			}
			if left := spoolFiles(t, dir); len(left) != 0 {
				t.Errorf("have %v left, want no file", left)
			}
			damaged := test.bytes
			if damaged < 0 {
				damaged = size
			}
			checkDamageLog(t, log.String(), path, test.regions > 0, damaged)
			dropped := fmt.Sprintf("reasons=\"%d spool damaged\"", test.regions)
			if test.regions > 0 && !strings.Contains(log.String(), dropped) {
				t.Errorf("have %q, want %q in it", log.String(), dropped)
			}
		})
	}
}

// checkDamageLog checks for one line about damage with file and bytes, or for none.
func checkDamageLog(t *testing.T, log, path string, want bool, damagedBytes int) {
	t.Helper()
	if !want {
		if strings.Contains(log, "damaged") {
			t.Errorf("have %q, want no damage", log)
		}
		return
	}
	line := fmt.Sprintf("damagedBytes=%d\n", damagedBytes)
	if strings.Count(log, `"spool file damaged"`) != 1 || !strings.Contains(log, path) ||
		!strings.Contains(log, line) {
		t.Errorf("have %q, want one line with %s and %q", log, path, line)
	}
}

// Damage that occurs while the queue runs loses only the damaged spans. Each counts as dropped.
func TestDurableDamageWhileRunning(t *testing.T) {
	for name, test := range damages() {
		t.Run(name, func(t *testing.T) {
			dir, all := t.TempDir(), spans(500)
			hanging, up := make(chan struct{}), make(chan struct{})
			to := &destination{answer: func(_ context.Context, attempt int, _ []string) error {
				if attempt == 1 {
					close(hanging)
				}
				<-up
				return nil
			}}
			var log testkit.Buffer
			q, err := delivery.New(delivery.Config{Spool: dir, BatchBytes: 1000, Senders: 1,
				SpoolSync: time.Millisecond}, to.send, textLog(&log))
			if err != nil {
				t.Fatal(err)
			}
			stop := watchStats(t, q)
			addAll(q, all[:100])
			<-hanging // with the first batch; the sender has read no file
			addAll(q, all[100:])
			testkit.Eventually(t, "all spans are on disk",
				func() bool { return q.Stats().Spooled == 500 })
			path := fileWith(t, dir, span(400))
			lost, size := damageFile(t, test, path)
			close(up)
			flush(t, q)
			stop()
			want := without(all, lost)
			if diff := cmp.Diff(want, to.received()); diff != "" {
				t.Errorf("-want +have\n%.1000s", diff)
			}
			s, n := stats(t, q), uint64(len(lost))
			if s.DroppedBy[delivery.SpoolDamaged] != n || s.Dropped != n || s.Added != 500 ||
				s.Sent != 500-n || s.Spooled != 0 || s.QueueBytes != 0 || s.SpoolBytes != 0 {
				t.Errorf("have %+v, want %d sent, %d damaged, and empty memory and disk",
					s, len(want), n)
			}
			if left := spoolFiles(t, dir); len(left) != 0 {
				t.Errorf("have %v left, want no file", left)
			}
			damaged := test.bytes
			if damaged < 0 {
				damaged = size
			}
			checkDamageLog(t, log.String(), path, test.regions > 0 || n > 0, damaged)
		})
	}
}

// fileWith returns the path of the file that holds the span.
func fileWith(t *testing.T, dir, span string) string {
	t.Helper()
	for _, path := range spoolFiles(t, dir) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte(span)) {
			return path
		}
	}
	t.Fatalf("no file holds %q", span)
	return ""
}

// If the spool is full, or the disk fails, spans stay in memory. Both are logged.
func TestDurableFullDisk(t *testing.T) {
	for name, fill := range map[string]func(t *testing.T, cfg *delivery.Config){
		"spool at its limit": func(_ *testing.T, cfg *delivery.Config) { cfg.SpoolBytes = 5000 },
		// A write fails after a part of its bytes.
		"disk full": func(t *testing.T, _ *delivery.Config) { limitFileSize(t, 500) },
		"folder removed": func(t *testing.T, cfg *delivery.Config) {
			if err := os.RemoveAll(cfg.Spool); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "disk full" && !inChild(t) {
				return
			}
			var log testkit.Buffer
			// The destination hangs first, so that the first log line is about the spool.
			hanging, up := make(chan struct{}), make(toggle)
			to := &destination{answer: func(ctx context.Context, i int, s []string) error {
				<-hanging
				return up.answer(ctx, i, s)
			}}
			cfg := delivery.Config{Spool: filepath.Join(t.TempDir(), "spool"), BatchBytes: 1000,
				SpoolSync: time.Millisecond, BatchAge: time.Millisecond,
				MaxBackoff: 10 * time.Millisecond}
			limited := name == "spool at its limit"
			if limited {
				fill(t, &cfg)
			}
			q, err := delivery.New(cfg, to.send, textLog(&log))
			if err != nil {
				t.Fatal(err)
			}
			if !limited {
				fill(t, &cfg)
			}
			stop := watchStats(t, q)
			want := spans(2000)
			addAll(q, want)
			testkit.Eventually(t, "the error is logged", func() bool {
				return strings.Contains(log.String(), "spool not writable, spans stay in memory")
			})
			close(hanging)
			testkit.Eventually(t, "batches are retried",
				func() bool { return q.Stats().Retried > 5 })
			s := stats(t, q)
			if s.Dropped != 0 || s.Queued == 0 || limited && s.Spooled == 0 {
				t.Errorf("have %+v, want no spans dropped, and some in memory", s)
			}
			if size := sizeOf(t, spoolFiles(t, cfg.Spool)); limited && size > 5000 {
				t.Errorf("have %d bytes on disk, want at most 5000", size)
			}
			up.on()
			flush(t, q)
			stop()
			if diff := cmp.Diff(want, to.received()); diff != "" {
				t.Errorf("-want +have\n%.1000s", diff)
			}
		})
	}
}

// Close returns when its context ends, while a sender waits for memory to read the spool.
func TestFlushedWithoutMemory(t *testing.T) {
	dir := t.TempDir()
	fillSpool(t, dir, spans(500))
	cfg := delivery.Config{Spool: dir, QueueBytes: 2000, Senders: 2} // one file has 1660 bytes
	q := newQueue(t, cfg, hang)
	testkit.Eventually(t, "a sender has a file", func() bool { return q.Stats().QueueBytes > 0 })
	<-time.After(10 * time.Millisecond) // the other waits
	waitFor(t, "Close returns", func() {
		if err := closeWithin(q, time.Millisecond); err != nil {
			t.Error(err)
		}
	})
	if s := stats(t, q); s.Spooled != 500 || s.QueueBytes != 0 {
		t.Errorf("have %+v, want 500 spooled", s)
	}
}

// When a batch is sent, a sender that waits for memory reads the next file, or ends after Close.
func TestFlushedWithLittleMemory(t *testing.T) {
	dir, want := t.TempDir(), spans(500)
	fillSpool(t, dir, want)
	release := make(chan struct{})
	to := &destination{answer: func(context.Context, int, []string) error {
		<-release
		return nil
	}}
	cfg := delivery.Config{Spool: dir, QueueBytes: 2000, Senders: 2} // one file has 1660 bytes
	q := newQueue(t, cfg, to.send)
	testkit.Eventually(t, "a sender has a file", func() bool { return q.Stats().QueueBytes > 0 })
	time.AfterFunc(20*time.Millisecond, func() { close(release) }) // the other waits
	waitFor(t, "Close returns", func() { flush(t, q) })
	if diff := cmp.Diff(want, to.received()); diff != "" {
		t.Errorf("-want +have\n%.1000s", diff)
	}
}

// If the spool has no room for the remaining spans, Close drops them. Its error has their number
// and the cause.
func TestFlushedToFullSpool(t *testing.T) {
	dir := t.TempDir()
	cfg := delivery.Config{Spool: dir, SpoolBytes: 1660, BatchBytes: 1000, SpoolSync: time.Hour}
	q := newQueue(t, cfg, hang)
	addAll(q, spans(3*83)) // three batches of 83 spans, 20 bytes each
	err := closeWithin(q, time.Millisecond)
	if want := "166 spans lost: spool full"; err == nil || err.Error() != want {
		t.Errorf("have %v, want %s", err, want)
	}
	s := stats(t, q)
	if s.Spooled != 83 || s.DroppedBy[delivery.NotFlushed] != 166 || s.QueueBytes != 0 {
		t.Errorf("have %+v, want 83 spooled and 166 not flushed", s)
	}
	if have, _ := sendSpool(t, dir, nil); len(have) != 83 {
		t.Errorf("have %d spans in the spool, want 83", len(have))
	}
}

// inChild runs the test in a child process and returns false, or returns true in that process. It
// is for tests that change their process.
func inChild(t *testing.T) bool {
	t.Helper()
	const variable = "DELIVERY_TEST_CHILD"
	if os.Getenv(variable) != "" {
		return true
	}
	pattern := strings.ReplaceAll("^"+t.Name()+"$", "/", "$/^")
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.run", pattern)
	child.Env = append(os.Environ(), variable+"=1")
	out, err := child.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("child process: %v\n%s", err, out)
	}
	return false
}

var errDisk = errors.New("input/output error")

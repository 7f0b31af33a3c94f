package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"bookservice/tracer/delivery"
	"bookservice/tracer/tracertest/testkit"
)

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

// A failure of one disk operation loses no span, and no span counts twice.
func TestDurableDiskErrors(t *testing.T) {
	first := "0000000000000000.spans"
	for name, fails := range map[string][]string{ // operations and which call of them fails
		"create":            {"create " + first + " 1"},
		"folder sync":       {"syncdir 1", "syncdir 2", "syncdir 4"},
		"write":             {"write " + first + " 1"},
		"sync":              {"sync " + first + " 1"},
		"sync and truncate": {"sync " + first + " 1", "truncate " + first + " 1"},
		"all of rollback": {
			"sync " + first + " 1", "truncate " + first + " 1", "remove " + first + " 1"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				calls, left := map[string]int{}, slices.Clone(fails)
				fs := &powerFS{fail: func(op, file string) error {
					mu.Lock()
					defer mu.Unlock()
					call := strings.TrimSuffix(op+" "+file, " spool")
					calls[call]++
					i := slices.Index(left, fmt.Sprint(call, " ", calls[call]))
					if i < 0 {
						return nil
					}
					left = slices.Delete(left, i, i+1)
					return errDisk
				}}
				up := make(toggle)
				to := &destination{answer: up.answer}
				dir := filepath.Join(t.TempDir(), "spool")
				cfg := delivery.Config{Spool: dir, BatchBytes: 1000, Senders: 1}
				p := newPowerTest(t, cfg, fs, to)
				all := spans(500)
				addAll(p.Queue, all[:250])
				<-time.After(time.Minute)
				if s := stats(t, p.Queue); s.Spooled != 250 {
					t.Errorf("have %+v, want all spooled after a second attempt", s)
				}
				p.wantSafe(t, all[:250])
				addAll(p.Queue, all[250:])
				<-time.After(time.Minute)
				if len(left) > 0 {
					t.Errorf("%q did not fail", left)
				}
				p.wantSafe(t, all)
				up.on()
				<-time.After(time.Minute)
				flush(t, p.Queue)
				s := stats(t, p.Queue)
				if s.Sent != 500 || s.Dropped != 0 || s.Spooled != 0 ||
					s.QueueBytes != 0 || s.SpoolBytes != 0 {
					t.Errorf("have %+v, want 500 sent, and empty memory and disk", s)
				}
				if diff := cmp.Diff(all, to.received()); diff != "" {
					t.Errorf("-want +have\n%.1000s", diff)
				}
				fs.wantClosed(t)
			})
		})
	}
}

// After a failed write of the second batch in a file, the file is still sent once, without it.
func TestDurableFailedAppend(t *testing.T) {
	for name, failing := range map[string]string{"rolled back": "", "not rolled back": "truncate"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				syncs := 0
				fs := &powerFS{fail: func(op, _ string) error {
					if op == "sync" {
						if syncs++; syncs == 3 {
							return errDisk
						}
					}
					if op == failing {
						return errDisk
					}
					return nil
				}}
				up := make(toggle)
				to := &destination{answer: up.answer}
				cfg := delivery.Config{Spool: t.TempDir(), Senders: 1}
				p := newPowerTest(t, cfg, fs, to)
				all := spans(300)
				for i := range 3 { // the sender's file; a file of one batch; a failed append to it
					addAll(p.Queue, all[100*i:100*i+100])
					<-time.After(200 * time.Millisecond)
				}
				if s := stats(t, p.Queue); s.Spooled != 200 {
					t.Errorf("have %+v, want a pause of 1 s after the failure", s)
				}
				<-time.After(time.Minute)
				p.wantSafe(t, all)
				if files := spoolFiles(t, cfg.Spool); len(files) != 3 {
					t.Errorf("have %v, want the failed batch in a third file", files)
				}
				up.on()
				<-time.After(time.Minute)
				flush(t, p.Queue)
				fs.wantClosed(t)
				s := stats(t, p.Queue)
				if syncs < 4 || s.Sent != 300 || s.Dropped != 0 || s.Spooled != 0 ||
					s.QueueBytes != 0 || s.SpoolBytes != 0 {
					t.Errorf("have %+v after %d syncs, want 300 sent, and empty memory and disk",
						s, syncs)
				}
				if diff := cmp.Diff(all, to.received()); diff != "" {
					t.Errorf("-want +have\n%.1000s", diff)
				}
			})
		})
	}
}

// A file that cannot be read stays on disk for the next process. Its spans count as dropped, unless
// New could not read it.
func TestDurableUnreadableFile(t *testing.T) {
	for name, reads := range map[string]int{"in New": 0, "later": 1} {
		t.Run(name, func(t *testing.T) {
			wantLog := []string{`"spool file not usable" err="input/output error"`}
			if name == "later" {
				wantLog = []string{`"spool file not readable" err="input/output error"`,
					`spool damaged" err="input/output error"`} // of the dropped spans
			}
			dir, all := t.TempDir(), spans(500)
			fillSpool(t, dir, all)
			path := spoolFiles(t, dir)[1]
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			unread := spansOf(data)
			var mu sync.Mutex
			n := 0
			fs := &powerFS{fail: func(op, file string) error {
				mu.Lock()
				defer mu.Unlock()
				if op == "read" && file == filepath.Base(path) {
					if n++; n > reads {
						return errDisk
					}
				}
				return nil
			}}
			var log testkit.Buffer
			to := &destination{}
			cfg := delivery.Config{Spool: dir, BatchBytes: 1000}
			q := newFaultyQueue(t, cfg, to.send, textLog(&log), fs)
			flush(t, q)
			want := without(all, unread)
			if diff := cmp.Diff(want, to.received()); diff != "" {
				t.Errorf("-want +have\n%.1000s", diff)
			}
			s, dropped := stats(t, q), uint64(reads*len(unread))
			if s.Sent != uint64(len(want)) || s.DroppedBy[delivery.SpoolDamaged] != dropped ||
				s.Dropped != dropped || s.QueueBytes != 0 || s.SpoolBytes != 0 {
				t.Errorf("have %+v, want %d sent and %d dropped", s, len(want), dropped)
			}
			for _, want := range wantLog {
				if !strings.Contains(log.String(), want) {
					t.Errorf("have %q, want %q in it", log.String(), want)
				}
			}
			have, _ := sendSpool(t, dir, nil)
			if diff := cmp.Diff(unread, have); diff != "" {
				t.Errorf("next process: -want +have\n%.1000s", diff)
			}
		})
	}
}

// SyncDir returns the error of the operating system. On Linux, /proc cannot be synced.
func TestSyncDir(t *testing.T) {
	var fs delivery.Disk
	if err := fs.SyncDir(t.TempDir()); err != nil {
		t.Error(err)
	}
	proc, err := os.Open("/proc")
	if err != nil {
		t.Skip(err)
	}
	defer proc.Close()
	if proc.Sync() == nil {
		t.Skip("this system syncs /proc")
	}
	for _, dir := range []string{"/proc", filepath.Join(t.TempDir(), "missing")} {
		if err := fs.SyncDir(dir); err == nil {
			t.Errorf("%s: have no error, want one", dir)
		}
	}
}

// A file that cannot be removed is logged. Its spans do not count as spooled any more.
func TestDurableUnremovableFile(t *testing.T) {
	dir, all := t.TempDir(), spans(10)
	fillSpool(t, dir, all)
	fs := &powerFS{fail: func(op, _ string) error {
		if op == "remove" {
			return errDisk
		}
		return nil
	}}
	var log testkit.Buffer
	to := &destination{}
	q := newFaultyQueue(t, delivery.Config{Spool: dir}, to.send, textLog(&log), fs)
	const want = "spool file not removed, its spans may be sent again"
	testkit.Eventually(t, "the error is logged",
		func() bool { return strings.Contains(log.String(), want) })
	flush(t, q)
	if s := stats(t, q); s.Sent != 10 || s.Spooled != 0 || s.SpoolBytes != 0 {
		t.Errorf("have %+v, want 10 sent", s)
	}
}

// A disk that blocks does not block Add.
func TestNonBlockingWithSlowDisk(t *testing.T) {
	blocked, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	fs := &powerFS{fail: func(op, _ string) error {
		if op == "sync" {
			once.Do(func() { close(blocked) })
			<-release
		}
		return nil
	}}
	cfg := delivery.Config{Spool: t.TempDir(), QueueBytes: 1000, SpoolSync: time.Millisecond}
	q := newFaultyQueue(t, cfg, hang, nil, fs)
	q.Add([]byte("first"))
	waitFor(t, "the disk blocks", func() { <-blocked })
	added := make(chan struct{})
	go func() {
		defer close(added)
		addAll(q, spans(1000))
	}()
	select {
	case <-added:
	case <-time.After(30 * time.Second):
		t.Error("Add has not returned within 30 s")
	}
	close(release)
	<-added
	if s := stats(t, q); s.Added != 1001 || s.DroppedBy[delivery.QueueFull] == 0 {
		t.Errorf("have %+v, want 1001 added, and some dropped without room", s)
	}
	_ = closeWithin(q, time.Millisecond)
}

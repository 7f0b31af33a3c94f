package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"bookservice/tracer/delivery"
	"bookservice/tracer/tracertest/testkit"
)

// A powerFS tracks what a power failure would leave on disk: the content of each file at its latest
// Sync, provided that the folder was synced after the file was created. A removed file is lost at
// once. Operations can be made to fail.
type powerFS struct {
	delivery.Disk
	fail  func(op, path string) error // called before an operation, may be nil
	after func()                      // called after an operation, may be nil

	mu    sync.Mutex
	files map[string]*powerFile
	dirs  map[string]bool // synced at least once
	open  int             // number of open files
}

type powerFile struct {
	delivery.File
	fs      *powerFS
	path    string
	written []byte
	synced  []byte
	named   bool // the folder was synced
}

// run performs an operation unless it has to fail. The lock is held while update is called.
func (fs *powerFS) run(op, path string, do func() error, update func()) error {
	if fs.fail != nil {
		if err := fs.fail(op, filepath.Base(path)); err != nil {
			return err
		}
	}
	if err := do(); err != nil {
		return err
	}
	fs.mu.Lock()
	update()
	fs.mu.Unlock()
	if fs.after != nil {
		fs.after()
	}
	return nil
}

func (fs *powerFS) Create(path string) (file delivery.File, err error) {
	f := &powerFile{fs: fs, path: path}
	err = fs.run("create", path,
		func() error { f.File, err = fs.Disk.Create(path); return err },
		func() { fs.files[path] = f; fs.open++ })
	return f, err
}

func (f *powerFile) Close() error {
	return f.fs.run("close", f.path, f.File.Close, func() { f.fs.open-- })
}

// wantClosed checks that no file is open.
func (fs *powerFS) wantClosed(t *testing.T) {
	t.Helper()
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if fs.open != 0 {
		t.Errorf("have %d open files, want none", fs.open)
	}
}

func (fs *powerFS) ReadFile(path string) (data []byte, err error) {
	err = fs.run("read", path,
		func() error { data, err = fs.Disk.ReadFile(path); return err }, func() {})
	return data, err
}

func (fs *powerFS) Remove(path string) error {
	return fs.run("remove", path,
		func() error { return fs.Disk.Remove(path) }, func() { delete(fs.files, path) })
}

func (fs *powerFS) SyncDir(dir string) error {
	return fs.run("syncdir", dir, func() error { return fs.Disk.SyncDir(dir) }, func() {
		fs.dirs[dir] = true
		for _, f := range fs.files {
			f.named = f.named || filepath.Dir(f.path) == dir
		}
	})
}

func (f *powerFile) Write(b []byte) (n int, err error) {
	err = f.fs.run("write", f.path,
		func() error { n, err = f.File.Write(b); return err },
		func() { f.written = append(f.written, b...) })
	return n, err
}

func (f *powerFile) Sync() error {
	return f.fs.run("sync", f.path, f.File.Sync,
		func() { f.synced = append([]byte(nil), f.written...) })
}

func (f *powerFile) Truncate(size int64) error {
	return f.fs.run("truncate", f.path,
		func() error { return f.File.Truncate(size) },
		func() { f.written = f.written[:size] })
}

// durable returns the spans that a power failure would leave on disk.
func (fs *powerFS) durable() map[string]bool {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	found := map[string]bool{}
	for _, f := range fs.files {
		if f.named {
			for _, span := range spanPattern.FindAllString(string(f.synced), -1) {
				found[span] = true
			}
		}
	}
	return found
}

var spanPattern = regexp.MustCompile(`span \d{6};`)

// newFaultyQueue returns a queue whose spool uses fs.
func newFaultyQueue(t *testing.T, cfg delivery.Config, send delivery.SendFunc, log *slog.Logger,
	fs *powerFS) *delivery.Queue {
	t.Helper()
	fs.files, fs.dirs = map[string]*powerFile{}, map[string]bool{}
	q, err := delivery.NewWithFiles(cfg, send, log, fs)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// A powerTest is a queue whose spans would survive a power failure at every moment.
type powerTest struct {
	*delivery.Queue
	fs *powerFS
	to *destination
}

// newPowerTest returns a queue. After each disk operation, every span that counts as sent or
// spooled must have been sent or survive a power failure.
func newPowerTest(t *testing.T, cfg delivery.Config, fs *powerFS, to *destination) powerTest {
	t.Helper()
	var queue atomic.Pointer[delivery.Queue]
	p := powerTest{fs: fs, to: to}
	fs.after = func() {
		q := queue.Load()
		if q == nil {
			return // New has not returned
		}
		s := stats(t, q)
		if have := len(p.safe()); uint64(have) < s.Sent+s.Spooled {
			t.Errorf("have %d spans sent or safe from a power failure, want %d sent and %d spooled",
				have, s.Sent, s.Spooled)
		}
	}
	p.Queue = newFaultyQueue(t, cfg, to.send, nil, fs)
	queue.Store(p.Queue)
	return p
}

// safe returns the spans that were sent or would survive a power failure.
func (p powerTest) safe() map[string]bool {
	found := p.fs.durable()
	for _, span := range p.to.received() {
		found[span] = true
	}
	return found
}

// wantSafe checks that all spans were sent or would survive a power failure.
func (p powerTest) wantSafe(t *testing.T, spans []string) {
	t.Helper()
	want := map[string]bool{}
	for _, span := range spans {
		want[span] = true
	}
	if diff := cmp.Diff(want, p.safe()); diff != "" {
		t.Errorf("safe: -want +have\n%.1000s", diff)
	}
}

// A power failure loses no spooled span: file and folder are synced before a span counts as
// spooled.
func TestDurablePowerFailure(t *testing.T) {
	var outage atomic.Bool
	to := &destination{answer: func(_ context.Context, attempt int, spans []string) error {
		switch {
		case outage.Load() || attempt%3 == 0:
			return errDown
		case len(spans) > 10 && attempt%2 == 0:
			return &delivery.SendError{Kind: delivery.Split, Err: errors.New("413")}
		}
		<-time.After(time.Millisecond)
		return nil
	}}
	parent := t.TempDir()
	cfg := delivery.Config{Spool: filepath.Join(parent, "new", "spool"), BatchBytes: 1000,
		SpoolSync:  time.Millisecond,
		MinBackoff: time.Millisecond, MaxBackoff: 2 * time.Millisecond}
	p := newPowerTest(t, cfg, &powerFS{}, to)
	for _, dir := range []string{parent, filepath.Join(parent, "new")} {
		if !p.fs.dirs[dir] {
			t.Errorf("%s was not synced after a folder was created in it", dir)
		}
	}
	stop := watchStats(t, p.Queue)
	all := spans(4000)
	for i, s := range all {
		p.Add([]byte(s))
		if i%50 == 0 {
			<-time.After(time.Millisecond)
		}
		outage.Store(i%2000 > 1500)
	}
	if err := closeWithin(p.Queue, 5*time.Second); err != nil {
		t.Error(err)
	}
	stop()
	p.wantSafe(t, all)
	p.fs.wantClosed(t)
	if s := stats(t, p.Queue); s.Sent == 0 || s.Spooled == 0 || s.Dropped != 0 {
		t.Errorf("have %+v, want spans sent and spooled, none dropped", s)
	}
}

// When a batch is partly sent, its rest is written to a new file before the old file is removed.
// The sent spans are not sent again.
func TestDurablePartOfBatch(t *testing.T) {
	dir := t.TempDir()
	cfg := delivery.Config{Spool: dir, Senders: 1, SpoolSync: 2 * time.Millisecond}
	to := &destination{}
	p := newPowerTest(t, cfg, &powerFS{}, to)
	to.answer = func(ctx context.Context, attempt int, _ []string) error {
		switch attempt {
		case 1: // all spans, once they are on disk
			for p.Stats().Spooled < 80 {
				<-time.After(time.Millisecond)
			}
			return &delivery.SendError{Kind: delivery.Split, Err: errors.New("413")}
		case 2: // the first half
			return nil
		}
		<-ctx.Done()
		return ctx.Err()
	}
	all := spans(80)
	addAll(p.Queue, all)
	testkit.Eventually(t, "the first half is sent", func() bool { return p.Stats().Sent == 40 })
	if err := closeWithin(p.Queue, time.Millisecond); err != nil {
		t.Error(err)
	}
	p.wantSafe(t, all)
	p.fs.wantClosed(t)
	s := stats(t, p.Queue)
	size := sizeOf(t, spoolFiles(t, dir))
	const want = 40 * frameSize
	if s.Spooled != 40 || s.QueueBytes != 0 || s.SpoolBytes != want || size != want {
		t.Errorf("have %+v and %d bytes on disk, want 40 spans spooled", s, size)
	}
	have, _ := sendSpool(t, dir, nil)
	if diff := cmp.Diff(all[40:], have); diff != "" {
		t.Errorf("second half: -want +have\n%s", diff)
	}
}

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

// Close waits for a disk operation of the spooler. If it fails, Close writes the spans.
func TestFlushedWithSlowDisk(t *testing.T) {
	blocked, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	fs := &powerFS{fail: func(op, _ string) (err error) {
		if op == "sync" {
			once.Do(func() {
				close(blocked)
				<-release
				err = errDisk
			})
		}
		return err
	}}
	// The sender does not take the batch, which is too young for it.
	cfg := delivery.Config{Spool: t.TempDir(), Senders: 1, QueueBytes: 1000}
	q := newFaultyQueue(t, cfg, hang, nil, fs)
	addAll(q, spans(30)) // more than half of QueueBytes, so that the spooler writes it
	waitFor(t, "the disk blocks", func() { <-blocked })
	closed := make(chan error)
	go func() { closed <- closeWithin(q, time.Millisecond) }()
	select {
	case err := <-closed:
		t.Fatalf("Close has returned %v during a disk operation", err)
	case <-time.After(50 * time.Millisecond):
	}
	close(release)
	waitFor(t, "Close returns", func() {
		if err := <-closed; err != nil {
			t.Error(err)
		}
	})
	if s := stats(t, q); s.Spooled != 30 || len(fs.durable()) != 30 {
		t.Errorf("have %+v and %d spans on disk, want all 30", s, len(fs.durable()))
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

package delivery_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"
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
	testkit.Slow(t)
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

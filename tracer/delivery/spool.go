package delivery

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/gofrs/flock"
)

// errSpoolFull says that the spool has reached its bound.
var errSpoolFull = errors.New("spool full")

const spoolSuffix = ".spans"

// A spool is a folder of files that each hold a batch. Its methods may be called concurrently.
type spool struct {
	dir  string
	most int64 // in all files
	full int64 // in one file: another is begun then
	lock *flock.Flock
	size atomic.Int64 // of all files, those that are being sent included

	mu      sync.Mutex
	sealed  []*spoolFile // complete, the oldest first
	current *spoolFile   // being written; nil for none
	out     *os.File     // of current
	next    uint64       // the next file's number
}

// A spoolFile is one of the files. It belongs to whoever took it.
type spoolFile struct {
	path    string
	records int
	size    int64
}

// openSpool takes possession of the folder, makes it if need be, and counts the records that are there.
func openSpool(dir string, most, full int64, log *slog.Logger) (*spool, int, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, 0, fmt.Errorf("spool: %w", err)
	}
	s := &spool{dir: dir, most: most, full: full, lock: flock.New(filepath.Join(dir, "lock"))}
	switch locked, err := s.lock.TryLock(); {
	case err != nil:
		return nil, 0, fmt.Errorf("spool: %w", err)
	case !locked:
		return nil, 0, fmt.Errorf("spool %s: another process uses it", dir)
	}
	records, err := s.scan(log)
	if err != nil {
		return nil, 0, errors.Join(fmt.Errorf("spool: %w", err), s.lock.Close())
	}
	return s, records, nil
}

// scan finds what an earlier process left, in its order.
func (s *spool) scan(log *slog.Logger) (records int, err error) {
	entries, err := os.ReadDir(s.dir) // sorted
	if err != nil {
		return 0, err
	}
	for _, entry := range entries {
		var number uint64
		if _, err := fmt.Sscanf(entry.Name(), "%016x"+spoolSuffix, &number); err != nil || !strings.HasSuffix(entry.Name(), spoolSuffix) {
			continue
		}
		s.next = number + 1
		f := &spoolFile{path: filepath.Join(s.dir, entry.Name())}
		batch, err := f.read(log)
		if err == nil && batch.Len() == 0 {
			err = os.Remove(f.path)
		}
		switch {
		case err != nil:
			log.Warn("spool file not usable", "file", f.path, "err", err)
		case batch.Len() > 0:
			f.records = batch.Len()
			s.size.Add(f.size)
			s.sealed = append(s.sealed, f)
			records += f.records
		}
	}
	return records, nil
}

// read returns the records of the file, and says what is damaged.
func (f *spoolFile) read(log *slog.Logger) (Batch, error) {
	data, err := os.ReadFile(f.path)
	if err != nil {
		return Batch{}, err
	}
	f.size = int64(len(data))
	batch, damaged := readFrames(data)
	if damaged > 0 {
		log.Warn("spool file damaged", "file", f.path, "records", batch.Len(), "lostBytes", damaged)
	}
	return batch, nil
}

// append writes the batch to the current file, and returns when it is on disk. On an error nothing of it is. Before anybody
// else can take it, written is called.
func (s *spool) append(b Batch, written func(Batch)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.write(b); err != nil {
		return err
	}
	written(b)
	if s.current.size >= s.full {
		s.seal()
	}
	return nil
}

// put writes a batch as a file of its own, which belongs to the caller.
func (s *spool) put(b Batch) (*spoolFile, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seal()
	if err := s.write(b); err != nil {
		return nil, err
	}
	f := s.current
	_ = s.out.Close() // it is synced
	s.current, s.out = nil, nil
	return f, nil
}

func (s *spool) write(b Batch) error {
	frames := make([]byte, 0, len(b.data)+frameHead*b.Len())
	for record := range b.All() {
		frames = appendFrame(frames, record)
	}
	if s.size.Load()+int64(len(frames)) > s.most {
		return errSpoolFull
	}
	if s.current == nil {
		if err := s.begin(); err != nil {
			return err
		}
	}
	_, err := s.out.Write(frames)
	if err == nil {
		err = s.out.Sync()
	}
	if err != nil {
		return errors.Join(err, s.abandon())
	}
	s.current.records += b.Len()
	s.current.size += int64(len(frames))
	s.size.Add(int64(len(frames)))
	return nil
}

func (s *spool) begin() error {
	path := filepath.Join(s.dir, fmt.Sprintf("%016x", s.next)+spoolSuffix)
	out, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	s.next++
	s.current, s.out = &spoolFile{path: path}, out
	return syncDir(s.dir)
}

// abandon cuts off what was written in part, and begins another file next time.
func (s *spool) abandon() error {
	err := s.out.Truncate(s.current.size)
	s.seal()
	return err
}

// seal ends the current file.
func (s *spool) seal() {
	if s.current == nil {
		return
	}
	_ = s.out.Close() // what is in it is synced
	if s.current.records > 0 {
		s.sealed = append(s.sealed, s.current)
	} else {
		_ = os.Remove(s.current.path)
	}
	s.current, s.out = nil, nil
}

// take returns the oldest file, if reserve finds room for it, and whether there is one. It belongs to the caller then.
func (s *spool) take(reserve func(size int64) bool) (f *spoolFile, more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.sealed) == 0 {
		s.seal()
	}
	if len(s.sealed) == 0 {
		return nil, false
	}
	if f = s.sealed[0]; !reserve(f.size) {
		return nil, true
	}
	s.sealed = s.sealed[1:]
	return f, true
}

// giveBack returns a file to where it was.
func (s *spool) giveBack(f *spoolFile) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, _ := slices.BinarySearchFunc(s.sealed, f, func(a, b *spoolFile) int { return strings.Compare(a.path, b.path) })
	s.sealed = slices.Insert(s.sealed, at, f)
}

// remove deletes a file whose records need it no longer.
func (s *spool) remove(f *spoolFile) error {
	s.size.Add(-f.size)
	return os.Remove(f.path)
}

// close leaves the files to the next process.
func (s *spool) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seal()
	return s.lock.Close()
}

// syncDir makes a new file's name durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

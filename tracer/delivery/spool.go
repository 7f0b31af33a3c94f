package delivery

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/gofrs/flock"
)

// errSpoolFull is returned when a batch would exceed Config.SpoolBytes.
var errSpoolFull = errors.New("spool full")

const spoolSuffix = ".spans"

// A spool is a folder of files, each of which holds one or more batches. Its methods may be called
// concurrently.
type spool struct {
	dir       string
	maxBytes  int64 // maximum size of all files
	fileBytes int64 // a file of this size or more is complete
	files     fileSystem
	lock      *flock.Flock
	size      atomic.Int64 // of all files, including those that senders have taken

	mu      sync.Mutex
	sealed  []*spoolFile // complete files, oldest first
	current *spoolFile   // the file being written, or nil
	out     file         // of current
	next    uint64       // number of the next file
}

// A spoolFile is a file of the spool. Only the goroutine that took it may use it.
type spoolFile struct {
	path   string
	spans  int
	size   int64
	damage damage // found when the file was last read
}

// damagedMsg is the log message for a file with damage. Its attributes are those of damagedArgs.
const damagedMsg = "spool file damaged"

func (f *spoolFile) damagedArgs() []any {
	return []any{"file", f.path, "intactSpans", f.spans, "damagedBytes", f.damage.bytes}
}

// openSpool creates the folder if necessary and locks it. The caller must call scan next.
func openSpool(cfg Config, files fileSystem) (*spool, error) {
	s := &spool{
		dir:       cfg.Spool,
		maxBytes:  cfg.SpoolBytes,
		fileBytes: int64(cfg.BatchBytes),
		files:     files,
		lock:      flock.New(filepath.Join(cfg.Spool, "lock")),
	}
	if err := s.createDir(); err != nil {
		return nil, fmt.Errorf("spool: %w", err)
	}
	switch locked, err := s.lock.TryLock(); {
	case err != nil:
		return nil, fmt.Errorf("spool: %w", err)
	case !locked:
		return nil, fmt.Errorf("spool %s: in use by another process", s.dir)
	}
	return s, nil
}

// createDir creates the folder and its missing parents. It syncs each folder in which it has
// created another.
func (s *spool) createDir() error {
	var parents []string
	for dir := s.dir; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			break
		}
		parents = append(parents, filepath.Dir(dir))
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	for _, dir := range parents {
		// If the file system cannot sync folders, createFile returns the error.
		_ = s.files.SyncDir(dir)
	}
	return nil
}

// scan adds the files of an earlier process to s.sealed, in their order. It returns the number of
// intact spans and of damaged regions in all files.
func (s *spool) scan(log *slog.Logger) (spans, damaged int, err error) {
	entries, err := os.ReadDir(s.dir) // sorted by name
	if err != nil {
		return 0, 0, fmt.Errorf("spool: %w", err)
	}
	for _, entry := range entries {
		name := entry.Name()
		var number uint64
		_, err := fmt.Sscanf(name, "%016x"+spoolSuffix, &number)
		if err != nil || !strings.HasSuffix(name, spoolSuffix) {
			continue
		}
		s.next = number + 1
		f := &spoolFile{path: filepath.Join(s.dir, name)}
		err = s.scanFile(f)
		if f.damage.bytes > 0 {
			log.Warn(damagedMsg, f.damagedArgs()...)
		}
		if err != nil {
			log.Warn("spool file not usable", "err", err)
		}
		spans += f.spans
		damaged += f.damage.regions
	}
	return spans, damaged, nil
}

// scanFile adds f to s.sealed. It removes a file without intact spans.
func (s *spool) scanFile(f *spoolFile) error {
	data, err := s.files.ReadFile(f.path)
	if err != nil {
		return err
	}
	f.size = int64(len(data))
	var batch Batch
	batch, f.damage = readFrames(data)
	f.spans = batch.Len()
	if f.spans == 0 {
		return s.files.Remove(f.path)
	}
	s.size.Add(f.size)
	s.sealed = append(s.sealed, f)
	return nil
}

// append writes b to the current file, syncs it and calls written. No other goroutine can take the
// file before that. After an error, no span of b is spooled.
func (s *spool) append(b Batch, written func(Batch)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.write(b); err != nil {
		return err
	}
	written(b)
	if s.current.size >= s.fileBytes {
		s.seal()
	}
	return nil
}

// writeFile writes b to a new file, syncs it and returns it. The file belongs to the caller.
func (s *spool) writeFile(b Batch) (*spoolFile, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seal()
	if err := s.write(b); err != nil {
		return nil, err
	}
	f := s.current
	_ = s.out.Close() // its content is synced
	s.current, s.out = nil, nil
	return f, nil
}

// write appends the frames of b to the current file, or to a new one, and syncs it. The caller
// holds the lock.
func (s *spool) write(b Batch) error {
	frames := make([]byte, 0, len(b.data)+frameHeader*b.Len())
	for span := range b.All() {
		frames = appendFrame(frames, span)
	}
	if s.size.Load()+int64(len(frames)) > s.maxBytes {
		return errSpoolFull
	}
	if s.current == nil {
		if err := s.createFile(); err != nil {
			return err
		}
	}
	_, err := s.out.Write(frames)
	if err == nil {
		err = s.out.Sync()
	}
	if err != nil {
		return errors.Join(err, s.rollBack())
	}
	s.current.spans += b.Len()
	s.current.size += int64(len(frames))
	s.size.Add(int64(len(frames)))
	return nil
}

// createFile creates the current file and syncs the folder. The caller holds the lock.
func (s *spool) createFile() error {
	path := filepath.Join(s.dir, fmt.Sprintf("%016x", s.next)+spoolSuffix)
	out, err := s.files.Create(path)
	if err != nil {
		return err
	}
	s.next++
	s.current, s.out = &spoolFile{path: path}, out
	if err := s.files.SyncDir(s.dir); err != nil {
		s.seal() // which removes it: a later write must not use a file whose name is not synced
		return err
	}
	return nil
}

// rollBack removes a partial write from the current file and seals it. The caller holds the lock.
func (s *spool) rollBack() error {
	err := s.out.Truncate(s.current.size)
	s.seal()
	return err
}

// seal completes the current file; an empty one is removed. The caller holds the lock.
func (s *spool) seal() {
	if s.current == nil {
		return
	}
	_ = s.out.Close() // its content is synced
	if s.current.spans > 0 {
		s.sealed = append(s.sealed, s.current)
	} else {
		_ = s.files.Remove(s.current.path)
	}
	s.current, s.out = nil, nil
}

// take returns the oldest file if reserve returns true for its size, otherwise nil. The file then
// belongs to the caller. more reports whether the spool has had a file.
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

// forget subtracts f from the size of the spool. The file stays on disk.
func (s *spool) forget(f *spoolFile) { s.size.Add(-f.size) }

// remove deletes a file that no span needs any more.
func (s *spool) remove(f *spoolFile) error {
	s.forget(f)
	return s.files.Remove(f.path)
}

// close unlocks the folder. Its files stay for the next process.
func (s *spool) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seal()
	return s.lock.Close()
}

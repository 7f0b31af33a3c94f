package delivery

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/gofrs/flock"

	"bookservice/tracer/internal/ownfile"
)

// errSpoolFull is returned when a batch would exceed Config.SpoolBytes.
var errSpoolFull = errors.New("spool full")

// The name of a spool file is a number of spoolDigits hexadecimal digits, and spoolSuffix.
const (
	spoolDigits = 16
	spoolSuffix = ".spans"
)

// A spool is a folder of files, each of which holds one or more batches. Only the writer goroutine
// uses it, apart from files and size.
type spool struct {
	dir       string
	maxBytes  int64 // maximum size of all files
	fileBytes int64 // a file of this size or more is complete
	files     fileSystem
	lock      *flock.Flock
	size      atomic.Int64 // of all files, including those that senders have taken

	current *spoolFile // the file being written, or nil
	out     file       // of current
	next    uint64     // number of the next file
}

// A spoolFile is a file of the spool. One goroutine at a time uses it.
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
	if err := ownfile.Check(s.lock.Path()); err != nil && !errors.Is(err, os.ErrNotExist) {
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

// scan returns the usable files of an earlier process, in their order, and the number of damaged
// regions in all files. It passes over what is not a file of this user.
func (s *spool) scan(log *slog.Logger) (found []*spoolFile, damaged int, err error) {
	entries, err := os.ReadDir(s.dir) // sorted by name
	if err != nil {
		return nil, 0, fmt.Errorf("spool: %w", err)
	}
	for _, entry := range entries {
		number, ok := spoolNumber(entry.Name())
		if !ok {
			continue
		}
		s.next = number + 1
		f := &spoolFile{path: filepath.Join(s.dir, entry.Name())}
		err := s.scanFile(f)
		if f.damage.bytes > 0 {
			log.Warn(damagedMsg, f.damagedArgs()...)
		}
		if err != nil {
			log.Warn("spool file not usable", "err", err)
		}
		if f.spans > 0 {
			found = append(found, f)
		}
		damaged += f.damage.regions
	}
	return found, damaged, nil
}

// SpoolFiles returns the number of files with spans in the folder of a spool. It returns 0 for a
// folder that cannot be read.
func SpoolFiles(dir string) (n int) {
	entries, _ := os.ReadDir(dir)
	for _, entry := range entries {
		if _, ok := spoolNumber(entry.Name()); ok {
			n++
		}
	}
	return n
}

// spoolNumber returns the number in the name of a spool file.
func spoolNumber(name string) (n uint64, ok bool) {
	digits, ok := strings.CutSuffix(name, spoolSuffix)
	if !ok || len(digits) != spoolDigits {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 16, 64)
	return n, err == nil
}

// read reads f, if that is a file of this user: others may have put a FIFO or a link in its place.
func (s *spool) read(f *spoolFile) ([]byte, error) {
	if err := ownfile.Check(f.path); err != nil {
		return nil, err
	}
	return s.files.ReadFile(f.path)
}

// scanFile reads f. It removes a file without intact spans.
func (s *spool) scanFile(f *spoolFile) error {
	data, err := s.read(f)
	if err != nil {
		return err
	}
	var batch Batch
	batch, f.damage = readFrames(data)
	f.size, f.spans = int64(len(data)), batch.Len()
	if f.spans == 0 {
		return s.files.Remove(f.path)
	}
	s.size.Add(f.size)
	return nil
}

// write appends the frames of b to the current file, or to a new one, and syncs it. After an error,
// no span of b is in the current file.
func (s *spool) write(b Batch) error {
	frames := make([]byte, 0, b.cost())
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
	s.current.size += int64(len(frames))
	s.current.spans += b.Len()
	s.size.Add(int64(len(frames)))
	if err != nil {
		return errors.Join(err, s.undo(b))
	}
	return nil
}

// undo removes b, the latest batch, from the current file. If the file cannot be truncated, it has
// more frames than spoolFile.spans, which are ignored in this process.
func (s *spool) undo(b Batch) error {
	s.current.size -= int64(b.cost())
	s.current.spans -= b.Len()
	s.size.Add(-int64(b.cost()))
	return s.out.Truncate(s.current.size)
}

// createFile creates the current file and syncs the folder.
func (s *spool) createFile() error {
	path := filepath.Join(s.dir, fmt.Sprintf("%0*x", spoolDigits, s.next)+spoolSuffix)
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

// seal completes the current file and returns it. It returns nil if the file has no span; it is
// removed then.
func (s *spool) seal() *spoolFile {
	f := s.current
	if f == nil {
		return nil
	}
	_ = s.out.Close() // its content is synced
	s.current, s.out = nil, nil
	if f.spans == 0 {
		_ = s.files.Remove(f.path)
		return nil
	}
	return f
}

// forget subtracts f from the size of the spool. The file stays on disk.
func (s *spool) forget(f *spoolFile) { s.size.Add(-f.size) }

// remove deletes a file that no span needs any more.
func (s *spool) remove(f *spoolFile) error {
	s.forget(f)
	return s.files.Remove(f.path)
}

// close unlocks the folder. Its files stay for the next process.
func (s *spool) close() error { return s.lock.Close() }

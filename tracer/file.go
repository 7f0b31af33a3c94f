package tracer

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"bookservice/tracer/delivery"
)

// minFile is the least size at which a file may be rotated: a batch must fit into it.
const minFile = 1 << 20

// FileConfig is what only the file backend needs.
type FileConfig struct {
	// Path is the file that spans are appended to, one a line in Zipkin's v2 JSON. Its folder must be there. Path.lock
	// beside it keeps other processes away.
	Path string
	// MaxBytes is the size beyond which the file does not grow, 1 MiB or more. Then it is renamed to Path.1, that to
	// Path.2, and so on. A line is never torn.
	MaxBytes int64
	// Keep is how many renamed files are kept, 0 or more.
	Keep int
}

func (f *FileConfig) registerFlags(fs *flag.FlagSet) {
	fs.StringVar(&f.Path, "file-path", f.Path, "file for -tracer file: spans are appended, one a line, in Zipkin's v2 JSON")
	fs.Int64Var(&f.MaxBytes, "file-max-bytes", f.MaxBytes, "size in bytes beyond which the file is renamed and begun anew, 1048576 or more")
	fs.IntVar(&f.Keep, "file-keep", f.Keep, "how many renamed files are kept")
}

func checkFile(c Config) error {
	switch {
	case c.File.Path == "":
		return errors.New("file-path is empty: backend file needs one")
	case c.File.MaxBytes < minFile:
		return fmt.Errorf("file-max-bytes %d: must be %d or more", c.File.MaxBytes, minFile)
	case c.File.Keep < 0:
		return fmt.Errorf("file-keep %d: must be 0 or more", c.File.Keep)
	}
	return nil
}

// fileSink appends spans to a file. Its queue stands before it, so that a disk that is full or gone holds up nobody, and
// is tried again.
type fileSink struct {
	cfg   FileConfig
	lock  *flock.Flock
	queue *delivery.Queue
	flush time.Duration
	once  sync.Once

	file *os.File // used by the queue alone; nil when it has to be opened
	size int64
}

func openFile(_ context.Context, c Config, o options) (sink, error) {
	s := &fileSink{cfg: c.File, lock: flock.New(c.File.Path + ".lock"), flush: c.FlushTimeout}
	locked, err := s.lock.TryLock()
	if err == nil && !locked {
		err = errors.New("another process writes to it")
	}
	if err == nil {
		err = s.reopen()
	}
	if err != nil {
		_ = s.lock.Close()
		return nil, fmt.Errorf("tracer: file-path %s: %w", c.File.Path, err)
	}
	s.queue = delivery.New(delivery.Config{}, s.write, o.log.With("backend", "file", "path", c.File.Path))
	return s, nil
}

func (s *fileSink) consume(f *finished) {
	f.buf = append(appendJSON(f.buf[:0], f), '\n')
	s.queue.Add(f.buf)
}

// write appends whole lines or nothing.
func (s *fileSink) write(_ context.Context, lines []byte, _ int) error {
	if err := s.ready(int64(len(lines))); err != nil {
		return err
	}
	n, err := s.file.Write(lines)
	if err == nil {
		s.size += int64(n)
		return nil
	}
	if n > 0 {
		err = errors.Join(err, s.file.Truncate(s.size))
	}
	s.close() // and looked at again before the next attempt
	return err
}

// ready sees to it that the file at the path is open, also if somebody has moved it away, and has room.
func (s *fileSink) ready(more int64) error {
	if s.file != nil {
		there, err := os.Stat(s.cfg.Path)
		open, errOpen := s.file.Stat()
		if err != nil || errOpen != nil || !os.SameFile(there, open) {
			s.close()
		}
	}
	if s.file == nil {
		if err := s.reopen(); err != nil {
			return err
		}
	}
	if s.size == 0 || s.size+more <= s.cfg.MaxBytes {
		return nil
	}
	s.close()
	if err := s.rotate(); err != nil {
		return err
	}
	return s.reopen()
}

func (s *fileSink) reopen() error {
	file, err := os.OpenFile(s.cfg.Path, os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	size, err := endLine(file)
	if err != nil {
		return errors.Join(err, file.Close())
	}
	s.file, s.size = file, size
	return nil
}

// endLine returns the size of the file, after it has ended a line that a process killed while it wrote has left torn: it
// must not spoil the next one as well.
func endLine(file *os.File) (size int64, err error) {
	info, err := file.Stat()
	if err != nil || info.Size() == 0 {
		return 0, err
	}
	last := make([]byte, 1)
	if _, err := file.ReadAt(last, info.Size()-1); err != nil {
		return 0, err
	}
	if last[0] == '\n' {
		return info.Size(), nil
	}
	_, err = file.WriteString("\n")
	return info.Size() + 1, err
}

func (s *fileSink) close() {
	_ = s.file.Close() // nothing is buffered
	s.file = nil
}

// rotate renames the files from the oldest on; with none to keep, the file is removed.
func (s *fileSink) rotate() error {
	if s.cfg.Keep == 0 {
		return os.Remove(s.cfg.Path)
	}
	for n := s.cfg.Keep; n > 0; n-- {
		if err := os.Rename(s.name(n-1), s.name(n)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// name returns the path of the file that has been renamed so often.
func (s *fileSink) name(n int) string {
	if n == 0 {
		return s.cfg.Path
	}
	return s.cfg.Path + "." + strconv.Itoa(n)
}

// Close implements sink.
func (s *fileSink) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), s.flush)
	defer cancel()
	err := s.queue.Close(ctx)
	s.once.Do(func() {
		if s.file != nil {
			s.close()
		}
		_ = s.lock.Close()
	})
	if err != nil {
		return fmt.Errorf("tracer: file %s: %w", s.cfg.Path, err)
	}
	return nil
}

package tracer

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"strconv"

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

// fileWriter appends spans to a file. Its queue stands before it, so that a disk that is full or gone holds up nobody, and
// is tried again.
type fileWriter struct {
	cfg  FileConfig
	lock *flock.Flock
	file *os.File // nil when it has to be opened
	size int64
}

func openFile(_ context.Context, c Config, o options) (sink, error) {
	w := &fileWriter{cfg: c.File, lock: flock.New(c.File.Path + ".lock")}
	locked, err := w.lock.TryLock()
	if err == nil && !locked {
		err = errors.New("another process writes to it")
	}
	if err == nil {
		err = w.reopen()
	}
	if err != nil {
		_ = w.lock.Close()
		return nil, fmt.Errorf("tracer: file-path %s: %w", c.File.Path, err)
	}
	c.Delivery.Senders = 1 // lines stay in order, and w needs no lock
	return newQueuedSink("file", transport{kind: "file", shown: c.File.Path, encode: appendLine, send: w.write, release: w.release}, c, o)
}

func appendLine(b []byte, f *finished) []byte { return append(appendJSON(b, f), '\n') }

// write appends whole lines or nothing.
func (w *fileWriter) write(_ context.Context, batch delivery.Batch) error {
	lines := batch.Bytes()
	if err := w.ready(int64(len(lines))); err != nil {
		return err
	}
	n, err := w.file.Write(lines)
	if err == nil {
		w.size += int64(n)
		return nil
	}
	if n > 0 {
		err = errors.Join(err, w.file.Truncate(w.size))
	}
	w.close() // and looked at again before the next attempt
	return err
}

// ready sees to it that the file at the path is open, also if somebody has moved it away, and has room.
func (w *fileWriter) ready(more int64) error {
	if w.file != nil {
		there, err := os.Stat(w.cfg.Path)
		open, errOpen := w.file.Stat()
		if err != nil || errOpen != nil || !os.SameFile(there, open) {
			w.close()
		}
	}
	if w.file == nil {
		if err := w.reopen(); err != nil {
			return err
		}
	}
	if w.size == 0 || w.size+more <= w.cfg.MaxBytes {
		return nil
	}
	w.close()
	if err := w.rotate(); err != nil {
		return err
	}
	return w.reopen()
}

func (w *fileWriter) reopen() error {
	file, err := os.OpenFile(w.cfg.Path, os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	size, err := endLine(file)
	if err != nil {
		return errors.Join(err, file.Close())
	}
	w.file, w.size = file, size
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

func (w *fileWriter) close() {
	_ = w.file.Close() // nothing is buffered
	w.file = nil
}

// rotate renames the files from the oldest on; with none to keep, the file is removed.
func (w *fileWriter) rotate() error {
	if w.cfg.Keep == 0 {
		return os.Remove(w.cfg.Path)
	}
	for n := w.cfg.Keep; n > 0; n-- {
		if err := os.Rename(w.name(n-1), w.name(n)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// name returns the path of the file that has been renamed so often.
func (w *fileWriter) name(n int) string {
	if n == 0 {
		return w.cfg.Path
	}
	return w.cfg.Path + "." + strconv.Itoa(n)
}

func (w *fileWriter) release() {
	if w.file != nil {
		w.close()
	}
	_ = w.lock.Close()
}

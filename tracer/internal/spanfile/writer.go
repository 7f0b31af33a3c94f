// Package spanfile appends encoded spans to a file that is rotated by size.
package spanfile

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strconv"

	"github.com/gofrs/flock"

	"bookservice/tracer/delivery"
)

// Config describes the file.
type Config struct {
	Path     string
	MaxBytes int64 // the file is rotated before it exceeds this size
	Keep     int   // number of rotated files to keep
}

// A Writer appends batches to a file. Its methods may be called concurrently; one of them uses the
// file at a time.
type Writer struct {
	use  chan struct{} // has an element while the file is in use
	cfg  Config
	lock *flock.Flock
	file *os.File // nil if it has to be opened
	size int64
}

// Open opens the file and locks it against other processes.
func Open(cfg Config) (*Writer, error) {
	w := &Writer{
		use: make(chan struct{}, 1), cfg: cfg, lock: flock.New(cfg.Path + ".lock"),
	}
	locked, err := w.lock.TryLock()
	if err == nil && !locked {
		err = errors.New("another process writes to it")
	}
	if err == nil {
		err = w.open()
	}
	if err != nil {
		_ = w.lock.Close()
		return nil, err
	}
	return w, nil
}

// Send implements [delivery.SendFunc]. It appends the whole batch or nothing. A full or missing
// disk is an error, so that the queue tries again. A disk that does not answer keeps Send beyond
// the end of ctx; further calls wait for it until their contexts end.
func (w *Writer) Send(ctx context.Context, batch delivery.Batch) error {
	select {
	case w.use <- struct{}{}:
		defer func() { <-w.use }()
	case <-ctx.Done():
		return errors.New("the disk does not answer")
	}
	lines := batch.Bytes()
	if err := w.prepare(int64(len(lines))); err != nil {
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
	w.closeFile() // the next attempt opens it again
	return err
}

// prepare ensures that the file at the path is open, even if another program has moved it, and has
// room for more bytes.
func (w *Writer) prepare(more int64) error {
	if w.file != nil {
		atPath, err := os.Stat(w.cfg.Path)
		open, errOpen := w.file.Stat()
		if err != nil || errOpen != nil || !os.SameFile(atPath, open) {
			w.closeFile()
		}
	}
	if w.file == nil {
		if err := w.open(); err != nil {
			return err
		}
	}
	if w.size == 0 || w.size+more <= w.cfg.MaxBytes {
		return nil
	}
	w.closeFile()
	if err := w.rotate(); err != nil {
		return err
	}
	return w.open()
}

func (w *Writer) open() error {
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

// endLine ends the last line if a process was killed while it wrote it, so that the next line stays
// intact. It returns the size of the file.
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

func (w *Writer) closeFile() {
	_ = w.file.Close() // nothing is buffered
	w.file = nil
}

// rotate renames the files, the oldest first. If none is kept, it removes the file.
func (w *Writer) rotate() error {
	if w.cfg.Keep == 0 {
		return os.Remove(w.cfg.Path)
	}
	for n := w.cfg.Keep; n > 0; n-- {
		err := os.Rename(w.name(n-1), w.name(n))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// name returns the path after n rotations.
func (w *Writer) name(n int) string {
	if n == 0 {
		return w.cfg.Path
	}
	return w.cfg.Path + "." + strconv.Itoa(n)
}

// Close closes the file and releases the lock. It waits for calls of Send that have not returned.
func (w *Writer) Close() {
	w.use <- struct{}{}
	defer func() { <-w.use }()
	if w.file != nil {
		w.closeFile()
	}
	_ = w.lock.Close()
}

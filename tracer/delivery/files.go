package delivery

import (
	"errors"
	"io"
	"os"
	"runtime"
)

// A fileSystem performs the file operations of a spool. Tests replace it to simulate power failures
// and disk errors.
type fileSystem interface {
	// Create opens a new file for appending. It fails if the file exists.
	Create(path string) (file, error)
	ReadFile(path string) ([]byte, error)
	Remove(path string) error
	// SyncDir writes the entries of a folder to disk: the names of new files survive a power
	// failure.
	SyncDir(path string) error
}

// A file is the part of [os.File] that a spool uses.
type file interface {
	io.WriteCloser
	Sync() error
	Truncate(size int64) error
}

// disk is the fileSystem of the operating system.
type disk struct{}

func (disk) Create(path string) (file, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err // not f: a nil *os.File in an interface is not nil
	}
	return f, nil
}

func (disk) ReadFile(path string) ([]byte, error) { return os.ReadFile(path) }

func (disk) Remove(path string) error { return os.Remove(path) }

func (disk) SyncDir(path string) error {
	if runtime.GOOS == "windows" {
		return nil // Windows cannot sync a folder; NTFS keeps a journal of its entries
	}
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

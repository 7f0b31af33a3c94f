package page

import (
	"bytes"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"
)

// An overlay is a file system with one more file in its root.
type overlay struct {
	fs.FS
	name    string
	content []byte
}

// Open opens the additional file or one below it.
func (o overlay) Open(name string) (fs.File, error) {
	switch name {
	case o.name:
		return &memoryFile{bytes.NewReader(o.content), o.info()}, nil
	case ".":
		root, err := o.FS.Open(name)
		if err != nil {
			return nil, err
		}
		entries, err := o.ReadDir(name)
		return &memoryDir{root, entries}, err
	}
	return o.FS.Open(name)
}

// ReadDir lists a folder; the root has the additional file.
func (o overlay) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(o.FS, name)
	if err != nil || name != "." {
		return entries, err
	}
	entries = append(entries, fs.FileInfoToDirEntry(o.info()))
	slices.SortFunc(entries, func(a, b fs.DirEntry) int {
		return strings.Compare(a.Name(), b.Name())
	})
	return entries, nil
}

func (o overlay) info() memoryInfo { return memoryInfo{o.name, int64(len(o.content))} }

type memoryFile struct {
	*bytes.Reader
	info memoryInfo
}

func (f *memoryFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *memoryFile) Close() error               { return nil }

// A memoryDir is an opened folder with entries of its own.
type memoryDir struct {
	fs.File
	left []fs.DirEntry
}

func (d *memoryDir) ReadDir(n int) ([]fs.DirEntry, error) {
	if n <= 0 {
		n = len(d.left)
	} else if len(d.left) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(d.left))
	entries := d.left[:n]
	d.left = d.left[n:]
	return entries, nil
}

type memoryInfo struct {
	name string
	size int64
}

func (i memoryInfo) Name() string     { return i.name }
func (i memoryInfo) Size() int64      { return i.size }
func (memoryInfo) Mode() fs.FileMode  { return 0o444 }
func (memoryInfo) ModTime() time.Time { return time.Time{} }
func (memoryInfo) IsDir() bool        { return false }
func (memoryInfo) Sys() any           { return nil }

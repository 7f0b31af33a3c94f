package spanfile_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bookservice/tracer/delivery"
	"bookservice/tracer/internal/spanfile"
	"bookservice/tracer/tracertest/testkit"
)

// send sends one batch with the lines, once, and returns the error.
func send(t *testing.T, w *spanfile.Writer, lines string) (err error) {
	t.Helper()
	q, errNew := delivery.New(delivery.Config{}, func(ctx context.Context, b delivery.Batch) error {
		if string(b.Bytes()) != lines {
			t.Errorf("have batch %q, want %q", b.Bytes(), lines)
		}
		err = w.Send(ctx, b)
		return nil
	}, nil)
	if errNew != nil {
		t.Fatal(errNew)
	}
	q.Add([]byte(lines))
	if err := q.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return err
}

// open opens a writer for the path.
func open(t *testing.T, path string, maxBytes int64, keep int) *spanfile.Writer {
	t.Helper()
	w, err := spanfile.Open(spanfile.Config{Path: path, MaxBytes: maxBytes, Keep: keep})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

// content returns the content of a file, or "" if it does not exist.
func content(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(data)
}

// TestRotation checks that a file is rotated just before it would exceed its size, that a batch is
// never split, and which files are kept.
func TestRotation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spans")
	w := open(t, path, 10, 2)
	for _, step := range []struct {
		lines              string
		file, first, other string // the file, and the rotated files 1 and 2
	}{
		{"12345\n", "12345\n", "", ""},
		{"789\n", "12345\n789\n", "", ""}, // just fits
		{"a\n", "a\n", "12345\n789\n", ""},
		{"longer than a file\n", "longer than a file\n", "a\n", "12345\n789\n"},
		{"b\n", "b\n", "longer than a file\n", "a\n"},
		{"123456789\n", "123456789\n", "b\n", "longer than a file\n"},
	} {
		if err := send(t, w, step.lines); err != nil {
			t.Fatal(err)
		}
		have := [3]string{content(t, path), content(t, path+".1"), content(t, path+".2")}
		if want := [3]string{step.file, step.first, step.other}; have != want {
			t.Errorf("%q: have %q, want %q", step.lines, have, want)
		}
	}
	if _, err := os.Stat(path + ".3"); err == nil {
		t.Error("have a third rotated file, want 2")
	}
}

// TestRotationCountsTheExistingFile opens files of an earlier process. A line that the process
// could not finish is ended, which counts too.
func TestRotationCountsTheExistingFile(t *testing.T) {
	for before, want := range map[string]string{
		"123456\n":                 "123456\n789\n", // 11 bytes
		"123456":                   "123456\n789\n", // with a newline
		"1234567":                  "789\n",         // 12 bytes
		"":                         "789\n",         // new
		"\n":                       "\n789\n",       // ends a line
		"more than eleven bytes\n": "789\n",         // larger than a file
	} {
		path := filepath.Join(t.TempDir(), "spans")
		if err := os.WriteFile(path, []byte(before), 0o600); err != nil {
			t.Fatal(err)
		}
		w := open(t, path, 11, 1)
		if err := send(t, w, "789\n"); err != nil {
			t.Error(err)
		}
		if have := content(t, path); have != want {
			t.Errorf("%q: have %q, want %q", before, have, want)
		}
	}
}

// TestLock opens a file twice. The lock is released by Close, and if the file cannot be opened.
func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spans")
	w := open(t, path, 10, 0)
	cfg := spanfile.Config{Path: path, MaxBytes: 10}
	const locked = "another process writes to it"
	if _, err := spanfile.Open(cfg); err == nil || err.Error() != locked {
		t.Errorf("have %v, want %s", err, locked)
	}
	w.Close()
	open(t, path, 10, 0)

	folder := t.TempDir()
	for range 2 {
		_, err := spanfile.Open(spanfile.Config{Path: folder, MaxBytes: 10})
		if err == nil || strings.Contains(err.Error(), locked) {
			t.Errorf("a folder: have %v, want that it cannot be opened", err)
		}
	}
}

// TestRemovedFile removes the file, and then another program puts a file in its place.
func TestRemovedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spans")
	w := open(t, path, 100, 0)
	if err := send(t, w, "a\n"); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := send(t, w, "b\n"); err != nil || content(t, path) != "b\n" {
		t.Errorf("have %v and %q, want a new file", err, content(t, path))
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("other\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := send(t, w, "c\n"); err != nil || content(t, path) != "other\nc\n" {
		t.Errorf("have %v and %q, want the line appended", err, content(t, path))
	}
}

// TestPartOfABatchIsNeverWritten has room for only a part of a batch. The batch can be sent again
// when there is room.
func TestPartOfABatchIsNeverWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spans")
	w := open(t, path, 1<<20, 0)
	if err := send(t, w, "first\n"); err != nil {
		t.Fatal(err)
	}
	batch := strings.Repeat("x", 5000) + "\n"
	lift := limitFileSize(t, 1000)
	err := send(t, w, batch)
	lift()
	if have := content(t, path); err == nil || have != "first\n" {
		t.Errorf("have %v and %d bytes, want an error and only the first line", err, len(have))
	}
	if err := send(t, w, batch); err != nil || content(t, path) != "first\n"+batch {
		t.Errorf("have %v and %d bytes, want both batches", err, len(content(t, path)))
	}
}

// TestFileIsReadableByOthers checks the mode of a new file.
func TestFileIsReadableByOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spans")
	open(t, path, 10, 0)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm()&0o444 != 0o444 {
		t.Errorf("have %v, %v, want a file that all users can read", info.Mode(), err)
	}
	testkit.Eventually(t, "the lock file exists", func() bool {
		_, err := os.Stat(path + ".lock")
		return err == nil
	})
}

// TestHangingDisk calls Send while an earlier write hangs: it returns when its context ends, and
// writes again when the disk answers.
func TestHangingDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spans")
	w := open(t, path, 100, 0)
	release := w.Occupy()
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := w.Send(ctx, delivery.Batch{}); err == nil ||
		err.Error() != "the disk does not answer" {
		t.Errorf("have %v, want no answer of the disk", err)
	}
	release()
	if err := send(t, w, "a\n"); err != nil || content(t, path) != "a\n" {
		t.Errorf("have %q, %v, want the line", content(t, path), err)
	}
}

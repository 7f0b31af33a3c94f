//go:build unix

package delivery_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bookservice/tracer/delivery"
	"bookservice/tracer/tracertest/testkit"
)

// Files with the names of the spool's that are no regular files of this user are passed over: a
// FIFO would block, a link would send or remove what is elsewhere. A line names each.
func TestSpoolStrangeFiles(t *testing.T) {
	elsewhere := t.TempDir()
	fillSpool(t, elsewhere, spans(10))
	target := spoolFiles(t, elsewhere)[0]
	const irregular = "not a regular file"
	for name, test := range map[string]struct {
		make func(path string) error
		want string
	}{
		"FIFO":      {func(path string) error { return syscall.Mkfifo(path, 0o600) }, irregular},
		"link":      {func(path string) error { return os.Symlink(target, path) }, irregular},
		"dead link": {func(path string) error { return os.Symlink("nowhere", path) }, irregular},
		"folder":    {func(path string) error { return os.Mkdir(path, 0o700) }, irregular},
		"socket": {func(path string) error {
			fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
			if err != nil {
				return err
			}
			defer syscall.Close(fd)
			return syscall.Bind(fd, &syscall.SockaddrUnix{Name: path})
		}, irregular},
		"other user": {func(path string) error {
			data, err := os.ReadFile(target)
			if err != nil {
				return err
			}
			if err := os.WriteFile(path, data, 0o600); err != nil {
				return err
			}
			return os.Chown(path, 12345, 12345)
		}, "owned by another user"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, all := t.TempDir(), spans(10)
			fillSpool(t, dir, all)
			path := filepath.Join(dir, "00000000000000ff.spans")
			if err := test.make(path); err != nil {
				if os.IsPermission(err) {
					t.Skip(err) // only root may give a file to another user
				}
				t.Fatal(err)
			}
			var log testkit.Buffer
			to := &destination{}
			q, err := delivery.New(delivery.Config{Spool: dir}, to.send, textLog(&log))
			if err != nil {
				t.Fatal(err)
			}
			flush(t, q)
			if diff := cmp.Diff(all, to.received()); diff != "" {
				t.Errorf("-want +have\n%s", diff)
			}
			want := `"spool file not usable" err="` + path + ": " + test.want + `"`
			if have := log.String(); strings.Count(have, want) != 1 {
				t.Errorf("have %q, want %s", have, want)
			}
			if _, err := os.Lstat(path); err != nil {
				t.Errorf("have %v, want the file kept", err)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("have %v, want the file elsewhere kept", err)
			}
		})
	}
}

// A lock that is no regular file of this user is refused: to open it could block, or create a file
// elsewhere.
func TestSpoolStrangeLock(t *testing.T) {
	for name, strange := range map[string]func(path string) error{
		"FIFO": func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"link": func(path string) error { return os.Symlink("elsewhere", path) },
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "lock")
		if err := strange(path); err != nil {
			t.Fatal(err)
		}
		_, err := delivery.New(delivery.Config{Spool: dir}, down, nil)
		if want := "spool: " + path + ": not a regular file"; err == nil || err.Error() != want {
			t.Errorf("%s: have %v, want %s", name, err, want)
		}
		if _, err := os.Stat(filepath.Join(dir, "elsewhere")); err == nil {
			t.Errorf("%s: a file was created elsewhere", name)
		}
	}
}

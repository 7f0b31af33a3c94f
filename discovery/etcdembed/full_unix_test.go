//go:build unix

package etcdembed_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"bookservice/discovery/etcdembed"
	"bookservice/discovery/internal/testkit"
)

// A member that cannot write is an error of Start, although etcd panics, and the temporary folder
// is removed. The limit holds in a process of its own.
func TestStartOnAFullDisk(t *testing.T) {
	if os.Getenv(childEnv) != "" {
		_, err := etcdembed.Start(testkit.Context(t, limit), etcdembed.Config{})
		fmt.Println(err)
		os.Exit(0) // etcd has left goroutines
	}
	t.Parallel()
	test, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	child := exec.CommandContext(testkit.Context(t, 2*limit), "sh", "-c",
		`ulimit -f 1024 && exec "$0" "$@"`, test, "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), childEnv+"=1", "TMPDIR="+dir)
	out, err := child.CombinedOutput()
	const want = "etcdembed: start: etcd: failed to create WAL: "
	if have := string(out); err != nil || !strings.HasPrefix(have, want) ||
		strings.Count(have, "\n") != 1 {
		t.Errorf("have %v and %q, want one line that begins with %q", err, have, want)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("have %v and the files %v, want none", err, left)
	}
}

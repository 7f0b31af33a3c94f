package delivery

import (
	"bytes"
	"os"
	"testing"
)

// A job of a sender gets a file of its own, although the current file has room.
func TestJobFileIsItsOwn(t *testing.T) {
	q := &Queue{cfg: Config{Spool: t.TempDir()}.withDefaults(), jobs: map[*job]bool{}}
	q.work.L, q.readerWork.L = &q.mu, &q.mu
	if err := q.openSpool(disk{}); err != nil {
		t.Fatal(err)
	}
	var first, second Batch
	first.add([]byte("one"))
	first.add([]byte("two"))
	second.add([]byte("three"))
	q.appending = newJob(first)
	if err := q.append(q.appending); err != nil {
		t.Fatal(err)
	}
	j := newJob(second)
	q.jobs[j] = true
	if err := q.writeJob(j); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(j.file.path)
	if want := appendFrame(nil, []byte("three")); err != nil || !bytes.Equal(data, want) ||
		j.file.spans != 1 || j.file.size != int64(len(want)) {
		t.Errorf("have %q, %v in %+v, want one span", data, err, j.file)
	}
	if len(q.files) != 1 || q.files[0].spans != 2 {
		t.Errorf("have %v, want the file with two spans", q.files)
	}
	if err := q.spool.close(); err != nil {
		t.Error(err)
	}
}

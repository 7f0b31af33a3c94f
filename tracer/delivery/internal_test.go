package delivery

import (
	"bytes"
	"context"
	"os"
	"testing"
	"time"
)

// writeFile returns a file with the spans of its batch only, although another file has room.
func TestSpoolWriteFile(t *testing.T) {
	cfg := Config{Spool: t.TempDir()}.withDefaults()
	s, err := openSpool(cfg, disk{})
	if err != nil {
		t.Fatal(err)
	}
	var first, second Batch
	first.add([]byte("one"))
	first.add([]byte("two"))
	second.add([]byte("three"))
	if err := s.append(first, func(Batch) {}); err != nil {
		t.Fatal(err)
	}
	f, err := s.writeFile(second)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(f.path)
	if want := appendFrame(nil, []byte("three")); err != nil || !bytes.Equal(data, want) ||
		f.spans != 1 || f.size != int64(len(want)) {
		t.Errorf("have %q, %v in %+v, want one span", data, err, f)
	}
	if g, _ := s.take(func(int64) bool { return true }); g == nil || g.spans != 2 {
		t.Errorf("have %+v, want the file with two spans", g)
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
}

// A sender that has found the spool empty does not wait if the spool has changed in the meantime.
func TestSpoolChangedBeforeWait(t *testing.T) {
	send := func(context.Context, Batch) error { return nil }
	q, err := New(Config{}, send, nil)
	if err != nil {
		t.Fatal(err)
	}
	q.mu.Lock()
	generation := q.generation
	q.spoolChanged()
	q.mu.Unlock()
	returned := make(chan struct{})
	go func() {
		defer close(returned)
		if j, end := q.nextFromMemory(generation, false); j != nil || end {
			t.Errorf("have job %v and end %v, want another look at the spool", j, end)
		}
	}()
	select {
	case <-returned:
	case <-time.After(10 * time.Second):
		t.Error("the sender waits")
	}
	if err := q.Close(t.Context()); err != nil {
		t.Error(err)
	}
	<-returned
}

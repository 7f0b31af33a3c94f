package delivery

import (
	"context"
	"testing"
	"time"
)

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

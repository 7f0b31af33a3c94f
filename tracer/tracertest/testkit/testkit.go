// Package testkit holds the helpers that several test packages share: polling, a buffer that
// goroutines may write to, and addresses on the loopback interface.
package testkit

import (
	"bytes"
	"sync"
	"testing"
	"time"
)

// limit is how long [Eventually] polls.
const limit = 30 * time.Second

// Eventually calls ok every millisecond until it returns true. After 30 s it fails the test with a
// message that contains what.
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(limit); !ok(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", limit, what)
		}
	}
}

// A Buffer is a [bytes.Buffer] whose methods may be called concurrently. The zero value is empty.
type Buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements [io.Writer].
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

// String returns all bytes that have been written.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// Slow skips a test that takes longer than a second, unless the race detector is enabled. Thus
// "go test ./..." takes a minute, and .ci/run skips nothing.
func Slow(t testing.TB) {
	t.Helper()
	if !RaceDetector {
		t.Skip("takes longer than a second; run it with -race")
	}
}

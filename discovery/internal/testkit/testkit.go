// Package testkit holds the helpers that the tests of discovery and of its subpackages share:
// polling, contexts, a locked buffer, and addresses on the loopback interface.
package testkit

import (
	"bytes"
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"bookservice/discovery/internal/freeport"
)

const (
	// limit is how long [Eventually] polls.
	limit = 30 * time.Second

	// interval is the time between two calls of a condition.
	interval = 10 * time.Millisecond
)

// Slow skips a test that takes longer than a second, unless the race detector is enabled.
func Slow(t testing.TB) {
	t.Helper()
	if !RaceDetector {
		t.Skip("takes longer than a second; run it with -race")
	}
}

// Eventually calls ok until it returns true, and returns how long that took. After 30 s it fails
// the test with a message that contains what.
func Eventually(t testing.TB, what string, ok func() bool) time.Duration {
	t.Helper()
	return EventuallyWithin(t, limit, what, ok)
}

// EventuallyWithin is [Eventually] with a limit other than 30 s.
func EventuallyWithin(t testing.TB, d time.Duration, what string, ok func() bool) time.Duration {
	t.Helper()
	begin := time.Now()
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for !ok() {
		if time.Since(begin) > d {
			t.Fatalf("not within %s: %s", d, what)
		}
		<-tick.C
	}
	return time.Since(begin)
}

// Always calls ok repeatedly for the duration d. It fails the test, with a message that contains
// what, when ok returns false.
func Always(t testing.TB, d time.Duration, what string, ok func() bool) {
	t.Helper()
	begin := time.Now()
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for time.Since(begin) < d {
		if !ok() {
			t.Fatalf("false after %s, want true for %s: %s", time.Since(begin), d, what)
		}
		<-tick.C
	}
}

// Context returns a context that ends after d, and at the latest when the test ends. Unlike
// t.Context it can be used by functions that t.Cleanup runs.
func Context(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
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

// Listen returns a TCP listener on 127.0.0.1 that is closed when the test ends. Connections to it
// are made and receive no answer as long as the test does not accept them.
func Listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// FreeAddr returns an address of 127.0.0.1 with a port that was free when FreeAddr was called. The
// system does not assign that port to outgoing connections or to listeners on port 0.
func FreeAddr(t testing.TB) string {
	t.Helper()
	address, err := freeport.Address()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// ClosedAddr returns an address of 127.0.0.1 that refuses connections: its port was free when
// ClosedAddr was called, and nothing listens on it.
func ClosedAddr(t testing.TB) string {
	t.Helper()
	return FreeAddr(t)
}

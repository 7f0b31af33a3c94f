package testkit_test

import (
	"net"
	"testing"
	"time"

	"bookservice/discovery/internal/testkit"
)

// A failure records whether the test of a helper was failed.
type failure struct {
	testing.TB
	failed bool
}

func (f *failure) Helper()               {}
func (f *failure) Fatalf(string, ...any) { f.failed = true; panic(f) }

// fails reports whether do fails its test.
func fails(do func(t testing.TB)) (failed bool) {
	f := &failure{}
	defer func() {
		_ = recover()
		failed = f.failed
	}()
	do(f)
	return
}

func TestPolling(t *testing.T) {
	const d = 50 * time.Millisecond
	for _, test := range []struct {
		name string
		do   func(t testing.TB)
		want bool // the helper fails the test
	}{
		{"eventually", func(t testing.TB) { testkit.Eventually(t, "", trueFrom(3)) }, false},
		{"never", func(t testing.TB) {
			testkit.EventuallyWithin(t, d, "", func() bool { return false })
		}, true},
		{"always", func(t testing.TB) {
			testkit.Always(t, d, "", func() bool { return true })
		}, false},
		{"not always", func(t testing.TB) { testkit.Always(t, d, "", trueFrom(2)) }, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			if have := fails(test.do); have != test.want {
				t.Errorf("have a failed test: %t, want %t", have, test.want)
			}
		})
	}
}

// trueFrom returns a condition that is true from the nth call on.
func trueFrom(n int) func() bool {
	return func() bool { n--; return n <= 0 }
}

func TestClosedAddrRefusesConnections(t *testing.T) {
	conn, err := net.Dial("tcp", testkit.ClosedAddr(t))
	if err == nil {
		conn.Close()
		t.Error("have a connection, want an error")
	}
}

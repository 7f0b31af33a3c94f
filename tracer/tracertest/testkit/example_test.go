package testkit_test

import (
	"fmt"
	"log/slog"
	"net"
	"testing"
	"time"

	"bookservice/tracer/tracertest/testkit"
)

// A Buffer may be written and read concurrently, for example by a logger and a test.
func ExampleBuffer() {
	var lines testkit.Buffer
	withoutTime := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}
	handler := slog.NewTextHandler(&lines, &slog.HandlerOptions{ReplaceAttr: withoutTime})
	slog.New(handler).Info("listening", "port", 80)
	fmt.Print(lines.String())
	// Output:
	// level=INFO msg=listening port=80
}

// A test waits for a server, without a fixed pause. The body of this example is that of a test
// function.
func ExampleEventually() {
	var t *testing.T // of the test function
	addr := testkit.FreeAddr(t)
	go func() {
		time.Sleep(time.Millisecond)
		_, _ = net.Listen("tcp", addr)
	}()
	testkit.Eventually(t, "the server listens", func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

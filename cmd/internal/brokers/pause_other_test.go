//go:build !unix

package brokers_test

import "testing"

// pause skips the test.
func pause(t *testing.T, _ int) {
	t.Helper()
	t.Skip("needs a system that can pause a process (SIGSTOP)")
}

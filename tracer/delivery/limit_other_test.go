//go:build !unix

package delivery_test

import "testing"

// limitFileSize skips the test: the system has no limit of the file size.
func limitFileSize(t *testing.T, _ uint64) {
	t.Helper()
	t.Skip("needs RLIMIT_FSIZE")
}

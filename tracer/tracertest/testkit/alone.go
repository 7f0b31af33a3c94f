package testkit

import (
	"os"
	"os/exec"
	"testing"
)

// WithoutRaceDetector runs the test in a process without the race detector, which allocates, and
// returns true. If there is no race detector, it returns false. The test must be one of the package
// in the working directory.
func WithoutRaceDetector(t *testing.T) bool {
	t.Helper()
	if !RaceDetector {
		return false
	}
	cmd := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-v",
		"-run", "^"+t.Name()+"$", ".")
	cmd.Env = append(os.Environ(), "GOFLAGS=") // which may contain -race
	out, err := cmd.CombinedOutput()
	t.Logf("without the race detector:\n%s", out)
	if err != nil {
		t.Error(err)
	}
	return true
}
